"""Memory that a training uses again at each update stays with the process."""

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # glibc's names and numbers
LARGEST = 1 << 30  # bytes of one tensor that is kept
SPARE = 1 << 26  # bytes that the process asks for at once


def keep_freed_memory() -> None:
    """Tell glibc to keep what is freed; other C libraries are left as they are.

    By default it returns tensors of over 128 KB to the system and asks for them again, at each update: every page is
    then cleared and mapped anew. The largest amount of memory in use stays the same.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in ((M_MMAP_THRESHOLD, LARGEST), (M_TRIM_THRESHOLD, LARGEST), (M_TOP_PAD, SPARE)):
        set_option(option, value)
