"""Plain values every room speaks: errors, types, scales, registry. No effects, no files, no models."""
