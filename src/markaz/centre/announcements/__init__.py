"""What the centre tells everybody: news, planned maintenance, incidents."""
