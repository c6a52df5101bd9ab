// Shows that the package works: run it in a workspace with the filespace "demo"; LUCIDLINK_WORKSPACE_URL and
// LUCIDLINK_TOKEN say which.

import Dispatch
import Foundation
import LucidLink

func require(_ condition: Bool, _ what: String) {
    guard condition else { fatalError(what) }
}

/// FNV-1a, enough to see that bytes are the same.
func hash(_ bytes: some Sequence<UInt8>, from start: UInt64) -> UInt64 {
    bytes.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

let daemon = try Daemon(settings: ["network.timeout": "30"])
let token = ProcessInfo.processInfo.environment["LUCIDLINK_TOKEN"] ?? ""
let files = try daemon.authenticate(token: token).link("demo")

// The quick start.
try files.createDirectory("/swift/letters")
try files.writeFile("/swift/letters/first.txt", Array("grüße\n".utf8))
let entries = try files.readDirectory("/swift/letters")
require(entries.map(\.name) == ["first.txt"] && entries[0].size == 8, "the directory has other entries")
require(try files.readFile("/swift/letters/first.txt") == Array("grüße\n".utf8), "the file has another content")

// A large file, streamed.
var (written, received, size) = (UInt64(0), UInt64(0), 0)
var buffer = [UInt8](repeating: 0, count: 1 << 20)
let target = try files.open("/swift/large", "w")
for n in 0..<64 {
    for i in buffer.indices { buffer[i] = UInt8(truncatingIfNeeded: (i &* 31) ^ (i >> 8) ^ n) }
    written = hash(buffer, from: written)
    try buffer.withUnsafeBytes { try target.write($0) }
}
try target.close()
let source = try files.open("/swift/large")
while true {
    let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
    if count == 0 { break }
    received = hash(buffer.prefix(count), from: received)
    size += count
}
try source.close()
require(size == 64 << 20 && received == written, "what was read is not what was written")

// An error with its detail.
do {
    _ = try files.open("/swift/missing.txt")
    fatalError("a missing file was opened")
} catch let error as LucidLinkError {
    require(error.name == "LL_ERR_NOT_FOUND" && error.path == "/swift/missing.txt" && error.osErrno == 2, "\(error)")
    require(!error.isRetryable && !error.mayBeApplied && !error.isFatal, "\(error)")
}

// What is dropped is not published.
try files.writeFile("/swift/good", Array("good".utf8))
do {
    let dropped = try files.open("/swift/good", "w")
    try Array("half of it".utf8).withUnsafeBytes { try dropped.write($0) }
}
try files.syncAll()
require(try files.readFile("/swift/good") == Array("good".utf8), "what was dropped was published")

// Many threads.
DispatchQueue.concurrentPerform(iterations: 200) { n in
    do {
        let path = "/swift/\(n)"
        try files.writeFile(path, Array(path.utf8))
        require(try files.readFile(path) == Array(path.utf8), "\(path) has another content")
    } catch {
        fatalError("\(error)")
    }
}

try files.unlink()
try daemon.stop()
print("swift: the proof ran")
