"""What all routes share: errors, request ids, rate limits, JSON bodies, paging, the OpenAPI document."""
