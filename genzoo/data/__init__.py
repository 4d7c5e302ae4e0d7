"""What a dataset plugin needs: the store of verified raw files, readers, splits, batches on a device.
The datasets themselves are plugins.
"""
