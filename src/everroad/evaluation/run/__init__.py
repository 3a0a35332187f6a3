"""The whole evaluation: every measure of one or more picture sources on the same towns, streamed frame by frame."""
