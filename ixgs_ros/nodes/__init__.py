"""The nodes, one file each, and the table that says which there are. Nodes convert, check, schedule, publish."""
