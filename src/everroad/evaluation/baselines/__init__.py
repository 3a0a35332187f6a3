"""What models stand beside: other schemes of making long videos on the same backbone, and what needs no network at all."""
