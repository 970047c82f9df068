"""Images and videos: reading, drawing, writing."""
