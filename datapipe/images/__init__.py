"""Pictures as bytes: what they are, whether they are whole, how they are stored, and their pixels."""
