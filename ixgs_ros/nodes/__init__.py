"""The nodes, one file each, and the table of them. Nodes convert, check, schedule, publish."""
