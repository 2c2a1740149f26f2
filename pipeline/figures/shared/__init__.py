"""Parts that several figures share: style, tables, maps, pairs, SVG."""
