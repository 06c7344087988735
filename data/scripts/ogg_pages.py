"""Ogg files that come out the same every time: encoders give a stream a random serial number."""

import struct


def with_serial_number(content: bytes, serial: int) -> bytes:
    """Give every page of an Ogg file this serial number, and the checksum that follows."""
    pages, start = [], 0
    while start < len(content):
        segments = content[start + 26]
        header = start + 27 + segments
        end = header + sum(content[start + 27 : header])
        page = bytearray(content[start:end])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", _checksum(page))
        pages.append(bytes(page))
        start = end
    return b"".join(pages)


def _table():
    for number in range(256):
        value = number << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        yield value & 0xFFFFFFFF


_TABLE = tuple(_table())


def _checksum(page):
    value = 0
    for byte in page:
        value = (value << 8) & 0xFFFFFFFF ^ _TABLE[value >> 24 ^ byte]
    return value
