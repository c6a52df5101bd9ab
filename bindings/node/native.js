// The functions of lucidlink.h, and how they are called: each on a thread of its own, with its own record of failure.

import koffi from 'koffi';

// Calls that wait for a thread of koffi's count too; one more than this throws.
koffi.config({ max_async_calls: 4096 });

const library = load(process.env.LUCIDLINK_LIBRARY ?? 'liblucidlink.so.0');

function load(file) {
  try {
    return koffi.load(file);
  } catch (cause) {
    throw new Error(`${file} cannot be loaded; LUCIDLINK_LIBRARY may name another file`, { cause });
  }
}

const Failure = koffi.struct('ll_error', {
  struct_size: 'uint32_t', code: 'int32_t', os_errno: 'int32_t', http_status: 'int32_t', flags: 'uint32_t',
  reserved: 'uint32_t', domain: koffi.array('char', 32), message: koffi.array('char', 512),
  path: koffi.array('char', 1024),
});

export const LinkOptions = koffi.struct('ll_link_options', {
  struct_size: 'uint32_t', sync_mode: 'uint32_t', read_only: 'uint32_t', reserved: 'uint32_t',
  name: 'const char *', id: 'const char *', root_path: 'const char *',
});

export const RawEntry = koffi.struct('ll_entry', {
  struct_size: 'uint32_t', type: 'uint32_t', size: 'uint64_t', file_id: 'uint64_t',
  mtime_ns: 'int64_t', ctime_ns: 'int64_t', created_ns: 'int64_t', atime_ns: 'int64_t', version: 'uint64_t',
  mode: 'uint32_t', uid: 'uint32_t', gid: 'uint32_t', link_count: 'uint32_t', name: 'const char *',
});

const statusName = library.func('const char *ll_status_name(int32_t status)');

/** A call that failed. */
export class LucidLinkError extends Error {
  /**
   * @param {number} status
   * @param {Buffer} record
   */
  constructor(status, record) {
    const failure = koffi.decode(record, Failure);
    super(failure.message);
    this.name = 'LucidLinkError';
    /** The status, negative. */
    this.status = status;
    /** Its name, such as "LL_ERR_NOT_FOUND". */
    this.code = statusName(status);
    /** What the operating system said, or the closest to it. */
    this.errno = failure.os_errno;
    /** The path that it failed on; undefined if it was on none. */
    this.path = failure.path || undefined;
    /** Whether the same call may succeed later. */
    this.retryable = (failure.flags & 1) !== 0;
    /** Whether its outcome was not known when it ended: it may have taken effect, or still may. */
    this.maybeApplied = (failure.flags & 2) !== 0;
    /** Whether the link refuses all further work. */
    this.fatal = (failure.flags & 4) !== 0;
  }
}

// A call and its record: buffers do not move, and koffi passes their memory as it is.
function prepare(args) {
  for (const arg of args) {
    if (typeof arg === 'string' && arg.includes('\0')) throw new TypeError('a string contains a NUL');
  }
  const record = Buffer.alloc(koffi.sizeof(Failure));
  record.writeUInt32LE(record.length);
  return record;
}

/** A function that waits for nothing, called on this thread. */
export function quick(prototype) {
  const call = library.func(`int32_t ${prototype}`);
  return (...args) => {
    const record = prepare(args);
    const status = call(...args, record);
    if (status !== 0) throw new LucidLinkError(status, record);
  };
}

/** A function that may wait, called on another thread. What is passed is kept until it returns. */
export function waiting(prototype) {
  const call = library.func(`int32_t ${prototype}`);
  return (...args) => new Promise((resolve, reject) => {
    const record = prepare(args);
    call.async(...args, record, (error, status) => {
      if (error !== null) reject(error);
      else if (status !== 0) reject(new LucidLinkError(status, record));
      else resolve(args);
    });
  });
}

/** A function that frees: it never waits and never fails. */
export function free(name) {
  return library.func(`void ${name}(uint64_t handle)`);
}
