"""What a model's operators tell, without running it."""
