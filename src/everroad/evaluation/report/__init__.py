"""The report of an evaluation: one HTML page that opens without a network, its plots as files, and tables for a terminal."""
