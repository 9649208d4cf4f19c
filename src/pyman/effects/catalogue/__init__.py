"""What can be downloaded, as lists of builds and mirrors say it."""
