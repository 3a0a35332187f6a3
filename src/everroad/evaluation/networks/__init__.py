"""The public feature networks of FID, FVD and LPIPS, in plain torch, with local weights."""
