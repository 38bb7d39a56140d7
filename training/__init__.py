"""Makes what ships in `lmcodec/data`."""
