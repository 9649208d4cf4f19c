"""Archives that are opened: decompressed, read member by member, unpacked."""
