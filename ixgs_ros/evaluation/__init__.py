"""Does it work? The experiment of the IXGS paper, on shots by a simulator that is not ours."""
