"""The errors of the data room: each message names the set or file and what to do about it."""


class DataError(RuntimeError):
    """A data set that is unknown, absent, damaged or out of reach."""


class UnknownSet(DataError):
    """A name the registry does not hold."""


class DownloadError(DataError):
    """A file that could not be fetched from any of its addresses."""


class DiskFull(DataError):
    """No room to store a file: no other address would help, so the search ends here."""


class ArchiveError(DataError):
    """An archive that is damaged, or that holds what must not be unpacked."""
