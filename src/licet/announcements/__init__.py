"""What is told of a business fact, once, however often and in whatever order it is learnt: by mail and by event."""
