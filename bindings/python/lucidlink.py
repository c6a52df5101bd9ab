"""liblucidlink for Python: a shared, end-to-end encrypted cloud file system inside this process.

    with Daemon() as daemon, daemon.authenticate(token) as workspace, workspace.link("demo") as files:
        files.write_file("/hello.txt", b"hello, world")
        with files.open("/hello.txt") as file:
            print(file.read())

It needs nothing but the standard library, and the shared library: LUCIDLINK_LIBRARY names its file, else it is where
the loader finds liblucidlink.so.0. Each call releases the interpreter's lock, and every object may be used by any
threads at the same time. What fails raises Error; where Python has an exception for it, such as FileNotFoundError, it
is one of these too. An object that is dropped without being closed frees what it holds and publishes nothing.
"""

import ctypes
import io
import os
import weakref
from collections import namedtuple
from ctypes import POINTER, byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from ctypes import create_string_buffer, sizeof

__all__ = ["Daemon", "Entry", "Error", "Event", "File", "Filespace", "Watch", "Workspace"]


class _Error(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("code", c_int32), ("os_errno", c_int32), ("http_status", c_int32),
        ("flags", c_uint32), ("reserved", c_uint32),
        ("domain", c_char * 32), ("message", c_char * 512), ("path", c_char * 1024),
    ]


class _LinkOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("sync_mode", c_uint32), ("read_only", c_uint32), ("reserved", c_uint32),
        ("name", c_char_p), ("id", c_char_p), ("root_path", c_char_p),
    ]


class _Entry(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("type", c_uint32), ("size", c_uint64), ("file_id", c_uint64),
        ("mtime_ns", c_int64), ("ctime_ns", c_int64), ("created_ns", c_int64), ("atime_ns", c_int64),
        ("version", c_uint64), ("mode", c_uint32), ("uid", c_uint32), ("gid", c_uint32), ("link_count", c_uint32),
        ("name", c_char_p),
    ]


class _WatchOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("flags", c_uint32), ("path", c_char_p), ("from_", c_char_p),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_uint32), ("position", c_uint64), ("index", c_uint32), ("type", c_uint32),
        ("file_id", c_uint64), ("parent_id", c_uint64), ("own", c_uint32), ("reserved", c_uint32),
        ("path", c_char_p), ("from_", c_char_p), ("author", c_char_p),
    ]


try:
    _library = ctypes.CDLL(os.environ.get("LUCIDLINK_LIBRARY", "liblucidlink.so.0"))
except OSError as _error:
    _advice = "set LUCIDLINK_LIBRARY to the path of liblucidlink.so.0"
    raise ImportError(f"the shared library cannot be loaded: {_error}; {_advice}") from _error
_library.ll_status_name.restype = c_char_p
_library.ll_status_name.argtypes = [c_int32]

_handle, _result = c_uint64, POINTER(c_uint64)
# The parameters of what can fail, without the last: `ll_error *err`.
_parameters = {
    "ll_config_new": [_result],
    "ll_config_set": [_handle, c_char_p, c_char_p],
    "ll_daemon_new": [_handle, c_void_p, _result],
    "ll_daemon_start": [_handle],
    "ll_daemon_stop": [_handle],
    "ll_authenticate": [_handle, c_char_p, _result],
    "ll_workspace_link_filespace": [_handle, POINTER(_LinkOptions), _result],
    "ll_filespace_sync_all": [_handle, c_void_p],
    "ll_filespace_unlink": [_handle],
    "ll_fs_create_dir": [_handle, c_char_p],
    "ll_fs_copy": [_handle, c_char_p, c_char_p, c_uint32],
    "ll_fs_delete": [_handle, c_char_p],
    "ll_fs_delete_dir": [_handle, c_char_p, c_int32],
    "ll_fs_move": [_handle, c_char_p, c_char_p, c_uint32],
    "ll_fs_get_entry": [_handle, c_char_p, c_uint32, POINTER(_Entry)],
    "ll_fs_read_dir": [_handle, c_char_p, _result],
    "ll_fs_read_file": [_handle, c_char_p, c_void_p, c_size_t, POINTER(c_size_t)],
    "ll_fs_write_file": [_handle, c_char_p, c_char_p, c_size_t],
    "ll_entries_count": [_handle, POINTER(c_size_t)],
    "ll_entries_get": [_handle, c_size_t, POINTER(_Entry)],
    "ll_file_open": [_handle, c_char_p, c_char_p, c_void_p, _result],
    "ll_file_read": [_handle, c_void_p, c_size_t, POINTER(c_size_t)],
    "ll_file_write": [_handle, c_void_p, c_size_t, POINTER(c_size_t)],
    "ll_file_seek": [_handle, c_int64, c_int32, _result],
    "ll_file_truncate": [_handle, c_uint64],
    "ll_file_close": [_handle],
    "ll_filespace_watch": [_handle, POINTER(_WatchOptions), _result],
    "ll_watch_next": [_handle, POINTER(_Event), c_size_t, c_size_t, POINTER(c_size_t), c_uint64],
}
for _name, _types in _parameters.items():
    getattr(_library, _name).argtypes = [*_types, POINTER(_Error)]
for _name in ["config", "daemon", "workspace", "filespace", "file", "entries", "watch"]:
    getattr(_library, f"ll_{_name}_free").argtypes = [_handle]
    getattr(_library, f"ll_{_name}_free").restype = None


class Error(OSError):
    """A call that failed: an OSError with `errno` and `filename`, and with what the library says of it."""

    #: The status, negative, and its name, such as "LL_ERR_NOT_FOUND".
    status: int
    name: str
    #: What failed, on what, and what to do.
    message: str
    #: The path that it failed on; None if it was on none.
    path: "str | None"
    #: Whether the same call may succeed later.
    retryable: bool
    #: Whether it ended before its outcome was known: it may have taken effect, or still may.
    maybe_applied: bool
    #: Whether the link refuses all further work.
    fatal: bool

    def __init__(self, status, record):
        self.status = status
        self.name = _library.ll_status_name(status).decode()
        self.message = record.message.decode()
        self.path = record.path.decode() or None
        self.retryable, self.maybe_applied, self.fatal = (bool(record.flags & bit) for bit in (1, 2, 4))
        super().__init__(record.os_errno, self.message, self.path)

    def __str__(self):
        return f"{self.name}: {self.message}"


#: The exceptions of Python that failures with these statuses are besides.
_builtins = {
    -302: PermissionError,  # LL_ERR_AUTHENTICATION
    -303: PermissionError,  # LL_ERR_ACCESS_DENIED
    -401: FileNotFoundError,  # LL_ERR_NOT_FOUND
    -402: FileExistsError,  # LL_ERR_EXISTS
    -403: NotADirectoryError,  # LL_ERR_NOT_A_DIRECTORY
    -404: IsADirectoryError,  # LL_ERR_IS_A_DIRECTORY
    -411: FileNotFoundError,  # LL_ERR_DELETED
}
_errors = {
    status: type("Error", (Error, builtin), {"__module__": __name__, "__doc__": Error.__doc__})
    for status, builtin in _builtins.items()
}


def _call(function, *arguments):
    """Calls what can fail. The detail is in a record of this call's own, so that threads do not matter."""
    record = _Error(struct_size=sizeof(_Error))
    status = function(*arguments, byref(record))
    if status != 0:
        raise _errors.get(status, Error)(status, record)


def _text(value):
    """A string for the library. C would end it at a NUL without a word."""
    value = os.fspath(value)
    if "\0" in value:
        raise ValueError("embedded null character")
    return value.encode()


def _bytes(data):
    """What a bytes-like object holds. A number is none: bytes(5) would be five zeros."""
    if isinstance(data, str):
        raise TypeError("bytes are needed; encode the text")
    return data if isinstance(data, bytes) else memoryview(data).tobytes()


def _setting(value):
    """The text of a setting's value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


class _Owner:
    """Holds a handle, and frees it when it is dropped: on any thread, in any order, without waiting.

    What goes with the handle of another object keeps that object alive.
    """

    def __init__(self, make, free, *arguments, parent=None):
        handle = c_uint64()
        _call(make, *arguments, byref(handle))
        self._handle = handle.value
        self._parent = parent
        self._free = weakref.finalize(self, free, self._handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Frees what this holds."""
        self._free()


class Daemon(_Owner):
    """The part of the library that runs: a few threads and a temporary folder. It starts at once.

    `settings` are those that ll_config_describe lists, such as {"workspace.url": "file:///srv/studio",
    "network.timeout": 10}; values are strings, numbers or booleans. A process runs one at a time, unless
    "daemon.allow_multiple" is True.
    """

    def __init__(self, settings=None):
        config = _Owner(_library.ll_config_new, _library.ll_config_free)
        for key, value in (settings or {}).items():
            _call(_library.ll_config_set, config._handle, _text(key), _text(_setting(value)))
        super().__init__(_library.ll_daemon_new, _library.ll_daemon_free, config._handle, None)
        config.close()
        _call(_library.ll_daemon_start, self._handle)

    def authenticate(self, token):
        """Opens the workspace with the token of a service account."""
        return Workspace(_library.ll_authenticate, _library.ll_workspace_free, self._handle, _text(token), parent=self)

    def close(self):
        """Stops the daemon, with the final sync of what is linked."""
        try:
            if self._free.alive:
                _call(_library.ll_daemon_stop, self._handle)
        finally:
            super().close()


class Workspace(_Owner):
    """An open workspace; made by Daemon.authenticate."""

    def link(self, name, *, read_only=False, root_path=None):
        """Links a filespace by its name: from then on its files can be used. `root_path` is seen as "/"."""
        options = _LinkOptions(sizeof(_LinkOptions), read_only=read_only, name=_text(name))
        options.root_path = _text(root_path) if root_path is not None else None
        make, free = _library.ll_workspace_link_filespace, _library.ll_filespace_free
        return Filespace(make, free, self._handle, byref(options), parent=self)


Entry = namedtuple("Entry", ["name", "is_dir", "is_symlink", "size", "mode", "mtime_ns", "file_id"])
Entry.__doc__ = "A file, directory or symbolic link; its name is None if it was asked for by its path."


def _entry(raw):
    name = raw.name.decode() if raw.name is not None else None
    return Entry(name, raw.type == 2, raw.type == 3, raw.size, raw.mode, raw.mtime_ns, raw.file_id)


class Filespace(_Owner):
    """A linked filespace; made by Workspace.link. Paths are absolute."""

    def create_dir(self, path):
        """Makes a directory, and those above it that are missing."""
        _call(_library.ll_fs_create_dir, self._handle, _text(path))

    def delete(self, path):
        """Removes a name of a file or symbolic link."""
        _call(_library.ll_fs_delete, self._handle, _text(path))

    def delete_dir(self, path, *, recursive=False):
        """Removes a directory: an empty one, or with everything below it at once."""
        _call(_library.ll_fs_delete_dir, self._handle, _text(path), recursive)

    def move(self, source, target, *, replace=False):
        """Gives a file, directory or symbolic link another path; one that exists is an error without `replace`."""
        _call(_library.ll_fs_move, self._handle, _text(source), _text(target), 1 if replace else 0)  # LL_MOVE_REPLACE

    def copy(self, source, target, *, replace=False):
        """Makes a copy of a file, of any size at once; a target that exists is an error without `replace`."""
        _call(_library.ll_fs_copy, self._handle, _text(source), _text(target), 2 if replace else 0)  # LL_COPY_REPLACE

    def get_entry(self, path):
        """What a path leads to."""
        raw = _Entry(sizeof(_Entry))
        _call(_library.ll_fs_get_entry, self._handle, _text(path), 0, byref(raw))
        return _entry(raw)

    def watch(self, path="/", *, others_only=False):
        """What happens at a path and below it, from now on: a Watch, which goes over Events for ever."""
        return Watch(self, path, others_only)

    def read_dir(self, path):
        """The entries of a directory by name, all of one moment."""
        path = _text(path)
        with _Owner(_library.ll_fs_read_dir, _library.ll_entries_free, self._handle, path) as entries:
            count = c_size_t()
            _call(_library.ll_entries_count, entries._handle, byref(count))
            found = []
            for index in range(count.value):
                raw = _Entry(sizeof(_Entry))
                _call(_library.ll_entries_get, entries._handle, index, byref(raw))
                found.append(_entry(raw))  # copies the name, which belongs to the list
            return found

    def read_file(self, path):
        """The content of a whole file."""
        path, needed = _text(path), c_size_t()
        content = create_string_buffer(65536)
        while True:
            try:
                _call(_library.ll_fs_read_file, self._handle, path, content, sizeof(content), byref(needed))
                return content.raw[: needed.value]
            except Error as error:
                if error.name != "LL_ERR_BUFFER_TOO_SMALL":
                    raise
                content = create_string_buffer(needed.value)

    def write_file(self, path, content):
        """Writes the bytes of a whole file in one commit: it appears, or its content is replaced, as a whole."""
        content = _bytes(content)
        _call(_library.ll_fs_write_file, self._handle, _text(path), content, len(content))

    def open(self, path, mode="r"):
        """Opens a file; the modes are those of the built-in open, always binary."""
        return File(self, path, mode)

    def sync_all(self):
        """The barrier: everything before it is visible to all and survives power loss."""
        _call(_library.ll_filespace_sync_all, self._handle, None)

    def close(self):
        """Ends the link, with the final sync."""
        try:
            if self._free.alive:
                _call(_library.ll_filespace_unlink, self._handle)
        finally:
            super().close()


#: Something that happened: `kind` is one of Watch.KINDS, `path` where it is right after it.
Event = namedtuple("Event", "kind path moved_from author position file_id own")


class Watch(_Owner):
    """Tells what happens in a filespace; made by Filespace.watch. Going over it waits for the next event."""

    KINDS = (None, "created", "changed", "attributes", "moved", "deleted", "tree-removed", "overflow")

    def __init__(self, filespace, path, others_only):
        options = _WatchOptions(sizeof(_WatchOptions), others_only, _text(path), None)
        make, free = _library.ll_filespace_watch, _library.ll_watch_free
        super().__init__(make, free, filespace._handle, byref(options), parent=filespace)

    def __iter__(self):
        return self

    def __next__(self):
        raw, count = _Event(sizeof(_Event)), c_size_t()
        while count.value == 0:
            # Not for ever in one call: Ctrl-C is heard between two.
            _call(_library.ll_watch_next, self._handle, byref(raw), sizeof(_Event), 1, byref(count), 200)
        texts = (text.decode() for text in (raw.path, raw.from_, raw.author))
        return Event(self.KINDS[raw.kind], *texts, raw.position, raw.file_id, bool(raw.own))


class File(io.RawIOBase):
    """An open file; made by Filespace.open. io.BufferedReader, shutil.copyfileobj and the like take it.

    close() publishes what was written: whole, in one commit. discard() drops it, and so do a `with` block that an
    exception leaves and the end of an object that was not closed.
    """

    def __init__(self, files, path, mode):
        super().__init__()
        make, free = _library.ll_file_open, _library.ll_file_free
        self._owner = _Owner(make, free, files._handle, _text(path), _text(mode), None, parent=files)
        self._modes = set(mode)

    def _open_handle(self):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._owner._handle

    def readable(self):
        return bool(self._modes & set("r+"))

    def writable(self):
        return bool(self._modes & set("wax+"))

    def seekable(self):
        return True

    def readinto(self, buffer):
        """Reads into a writable buffer, without a copy; returns how many bytes it were, 0 at the end."""
        view = memoryview(buffer).cast("B")
        into, count = (c_char * len(view)).from_buffer(view), c_size_t()
        _call(_library.ll_file_read, self._open_handle(), into, len(view), byref(count))
        return count.value

    def write(self, data):
        """Writes all of the bytes."""
        data = _bytes(data)
        _call(_library.ll_file_write, self._open_handle(), data, len(data), None)
        return len(data)

    def seek(self, offset, whence=os.SEEK_SET):
        position = c_uint64()
        _call(_library.ll_file_seek, self._open_handle(), offset, whence, byref(position))
        return position.value

    def truncate(self, size=None):
        size = self.tell() if size is None else size
        _call(_library.ll_file_truncate, self._open_handle(), size)
        return size

    def close(self):
        """Publishes what was written and closes the file, whether that works or not."""
        try:
            if not self.closed:
                _call(_library.ll_file_close, self._owner._handle)
        finally:
            self.discard()

    def discard(self):
        """Closes the file and drops what was written and not published."""
        self._owner.close()
        super().close()

    def __exit__(self, kind, *_):
        self.close() if kind is None else self.discard()

    def __del__(self):
        pass  # that of io.IOBase would publish; the owner frees
