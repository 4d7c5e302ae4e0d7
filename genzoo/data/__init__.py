"""What a dataset plugin needs: a verified store of raw files, readers, and splits."""
