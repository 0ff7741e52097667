"""From an address to a spoken answer with its source: crawl, extract, chunk, index, search."""
