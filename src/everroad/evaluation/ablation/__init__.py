"""The ablation test: each condition zeroed, shuffled and mirrored, how much the video changes and whether it follows."""
