"""Networks. They know neither tasks nor training."""
