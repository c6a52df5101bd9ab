// liblucidlink for Swift: a shared, end-to-end encrypted cloud file system inside this process.
//
//     let daemon = try Daemon()
//     let files = try daemon.authenticate(token: token).link("demo")
//     try files.writeFile("/hello.txt", Array("hello, world".utf8))
//     let content = try files.readFile("/hello.txt")
//     try daemon.stop()
//
// Everything may be used from any thread at the same time. Calls wait for log and store: in asynchronous code, make
// them on a dispatch queue, not on the threads that tasks share. An object that is dropped without being closed is
// freed, and publishes nothing.

import CLucidLink

/// A call that failed.
public struct LucidLinkError: Error, CustomStringConvertible, Sendable {
    /// What went wrong: one of the numbers `LL_ERR_...` of lucidlink.h.
    public let status: Int32
    /// What failed, on what, and what to do.
    public let message: String
    /// The path that it failed on; nil if it was on none.
    public let path: String?
    /// What the operating system said, or the closest to it.
    public let osErrno: Int32
    /// Whether the same call may succeed later.
    public let isRetryable: Bool
    /// Whether its outcome was not known when it ended: it may have taken effect, or still may.
    public let mayBeApplied: Bool
    /// Whether the link refuses all further work.
    public let isFatal: Bool

    /// The name of the status, such as "LL_ERR_NOT_FOUND".
    public var name: String { String(cString: ll_status_name(status)) }

    public var description: String { "\(name): \(message)" }

    init(status: ll_status, record: ll_error) {
        self.status = status
        message = text(of: record.message)
        let path = text(of: record.path)
        self.path = path.isEmpty ? nil : path
        osErrno = record.os_errno
        isRetryable = record.flags & UInt32(LL_ERROR_RETRYABLE) != 0
        mayBeApplied = record.flags & UInt32(LL_ERROR_MAYBE_APPLIED) != 0
        isFatal = record.flags & UInt32(LL_ERROR_FATAL) != 0
    }
}

/// The text in an array of C, which is a tuple here.
private func text<CArray>(of array: CArray) -> String {
    withUnsafeBytes(of: array) { bytes in String(decoding: bytes.prefix(while: { $0 != 0 }), as: UTF8.self) }
}

/// Makes a call. The detail is in a record of this call's own: a task's next call may be on another thread.
private func check(_ call: (UnsafeMutablePointer<ll_error>) -> ll_status) throws {
    var record = ll_error()
    record.struct_size = UInt32(MemoryLayout<ll_error>.size)
    let status = call(&record)
    if status != LL_OK { throw LucidLinkError(status: status, record: record) }
}

/// A string for C, which would end it at a NUL without a word: what is behind one is shown as what it is, an error.
private func withText(
    _ value: String,
    _ call: (UnsafePointer<CChar>, UnsafeMutablePointer<ll_error>) -> ll_status
) throws {
    if value.utf8.contains(0) {
        var record = ll_error()
        record.os_errno = 22  // EINVAL
        throw LucidLinkError(status: LL_ERR_INVALID_ARGUMENT, record: record)
    }
    try value.withCString { text in try check { call(text, $0) } }
}

/// The part of the library that runs: a few threads and a temporary folder. A process runs one at a time, unless the
/// setting "daemon.allow_multiple" is "true".
public final class Daemon: @unchecked Sendable {
    private var handle: ll_daemon = 0

    /// Starts a daemon with settings that ll_config_describe lists, such as "workspace.url".
    public init(settings: [String: String] = [:]) throws {
        var config: ll_config = 0
        try check { ll_config_new(&config, $0) }
        defer { ll_config_free(config) }
        for (key, value) in settings {
            try value.withCString { value in try withText(key) { ll_config_set(config, $0, value, $1) } }
        }
        try check { ll_daemon_new(config, nil, &handle, $0) }
        let handle = self.handle
        try check { ll_daemon_start(handle, $0) }
    }

    deinit { ll_daemon_free(handle) }

    /// Opens the workspace with the token of a service account.
    public func authenticate(token: String) throws -> Workspace {
        var workspace: ll_workspace = 0
        try withText(token) { ll_authenticate(handle, $0, &workspace, $1) }
        return Workspace(handle: workspace, daemon: self)
    }

    /// Stops the daemon, with the final sync of what is linked, and ends everything that was made through it.
    public func stop() throws { try check { ll_daemon_stop(handle, $0) } }
}

/// An open workspace; made by Daemon.authenticate.
public final class Workspace: @unchecked Sendable {
    private let handle: ll_workspace
    private let daemon: Daemon  // whose end would be this one's

    init(handle: ll_workspace, daemon: Daemon) {
        self.handle = handle
        self.daemon = daemon
    }

    deinit { ll_workspace_free(handle) }

    /// Links a filespace by its name: from now on its files can be used.
    public func link(_ name: String) throws -> Filespace {
        var filespace: ll_filespace = 0
        var options = ll_link_options()
        options.struct_size = UInt32(MemoryLayout<ll_link_options>.size)
        try withText(name) { name, record in
            options.name = name
            return ll_workspace_link_filespace(handle, &options, &filespace, record)
        }
        return Filespace(handle: filespace, daemon: daemon)
    }
}

/// A file, directory or symbolic link.
public struct Entry: Sendable {
    public let name: String
    public let size: UInt64
    public let isDirectory: Bool
    /// Permission bits.
    public let mode: UInt32
    /// The last change of content, nanoseconds since 1970.
    public let modified: Int64
}

/// A linked filespace; made by Workspace.link. Paths are absolute.
public final class Filespace: @unchecked Sendable {
    fileprivate let handle: ll_filespace
    private let daemon: Daemon  // whose end would be this one's

    init(handle: ll_filespace, daemon: Daemon) {
        self.handle = handle
        self.daemon = daemon
    }

    deinit { ll_filespace_free(handle) }

    /// Makes a directory, and those above it that are missing.
    public func createDirectory(_ path: String) throws { try withText(path) { ll_fs_create_dir(handle, $0, $1) } }

    /// Removes a name of a file or symbolic link.
    public func delete(_ path: String) throws { try withText(path) { ll_fs_delete(handle, $0, $1) } }

    /// Writes a whole file in one commit: it appears, or is replaced, as a whole.
    public func writeFile(_ path: String, _ content: [UInt8]) throws {
        try withText(path) { ll_fs_write_file(handle, $0, content, content.count, $1) }
    }

    /// The content of a whole file.
    public func readFile(_ path: String) throws -> [UInt8] {
        var content = [UInt8](repeating: 0, count: 65536)
        var needed = 0
        while true {
            do {
                let capacity = content.count
                try withText(path) { ll_fs_read_file(handle, $0, &content, capacity, &needed, $1) }
                return Array(content.prefix(needed))
            } catch let error as LucidLinkError where error.status == LL_ERR_BUFFER_TOO_SMALL {
                content = [UInt8](repeating: 0, count: needed)
            }
        }
    }

    /// The entries of a directory by name, all of one moment.
    public func readDirectory(_ path: String) throws -> [Entry] {
        var list: ll_entries = 0
        try withText(path) { ll_fs_read_dir(handle, $0, &list, $1) }
        defer { ll_entries_free(list) }
        var count = 0
        try check { ll_entries_count(list, &count, $0) }
        return try (0..<count).map { index in
            var raw = ll_entry()
            raw.struct_size = UInt32(MemoryLayout<ll_entry>.size)
            try check { ll_entries_get(list, index, &raw, $0) }
            let name = String(cString: raw.name)  // a copy: the name belongs to the list
            let isDirectory = raw.type == UInt32(LL_TYPE_DIRECTORY)
            return Entry(name: name, size: raw.size, isDirectory: isDirectory, mode: raw.mode, modified: raw.mtime_ns)
        }
    }

    /// Opens a file; the modes are those of fopen: "r", "w", "a", "x", with "+" for the other direction too.
    public func open(_ path: String, _ mode: String = "r") throws -> File {
        var file: ll_file = 0
        try mode.withCString { mode in try withText(path) { ll_file_open(handle, $0, mode, nil, &file, $1) } }
        return File(handle: file, filespace: self)
    }

    /// The barrier: everything before it is visible to all and survives power loss.
    public func syncAll() throws { try check { ll_filespace_sync_all(handle, nil, $0) } }

    /// Ends the link, with the final sync.
    public func unlink() throws { try check { ll_filespace_unlink(handle, $0) } }
}

/// An open file; made by Filespace.open.
public final class File: @unchecked Sendable {
    private let handle: ll_file
    private let filespace: Filespace  // whose end would be this one's

    init(handle: ll_file, filespace: Filespace) {
        self.handle = handle
        self.filespace = filespace
    }

    deinit { discard() }

    /// Reads from the position on; 0 bytes at the end.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var count = 0
        try check { ll_file_read(handle, buffer.baseAddress, buffer.count, &count, $0) }
        return count
    }

    /// Writes all of the bytes at the position, or at the end of a file that is open to append.
    public func write(_ data: UnsafeRawBufferPointer) throws {
        try check { ll_file_write(handle, data.baseAddress, data.count, nil, $0) }
    }

    /// Publishes what was written: whole, in one commit. The file is closed whether that works or not.
    public func close() throws { try check { ll_file_close(handle, $0) } }

    /// Closes the file and drops what was written and not published. After close it does nothing.
    public func discard() { ll_file_free(handle) }
}
