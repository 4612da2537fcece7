"""Azure, through Microsoft's own libraries (extra ``azure``), which are imported when a client is made."""
