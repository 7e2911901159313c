"""Files of the user's: read, checked, split so that nothing leaks, and normalised by what training knows."""
