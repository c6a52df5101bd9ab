/**
 * liblucidlink for Node: a shared, end-to-end encrypted cloud file system inside this process.
 *
 *     const daemon = await Daemon.start();
 *     const workspace = await daemon.authenticate(token);
 *     const files = await workspace.link('demo');
 *     await files.writeFile('/hello.txt', 'hello, world');
 *     console.log((await files.readFile('/hello.txt')).toString());
 *     await daemon.close();
 *
 * Whatever may wait is a promise, and runs on a thread of koffi's; the event loop goes on. Failures are
 * LucidLinkErrors. What is collected without being closed is freed, and publishes nothing.
 */

import koffi from 'koffi';
import { LinkOptions, LucidLinkError, RawEntry, free, quick, waiting } from './native.js';

export { LucidLinkError };

const native = {
  configNew: quick('ll_config_new(_Out_ uint64_t *config, void *err)'),
  configSet: quick('ll_config_set(uint64_t config, const char *key, const char *value, void *err)'),
  configFree: free('ll_config_free'),
  daemonNew: quick('ll_daemon_new(uint64_t config, void *options, _Out_ uint64_t *daemon, void *err)'),
  daemonStart: waiting('ll_daemon_start(uint64_t daemon, void *err)'),
  daemonStop: waiting('ll_daemon_stop(uint64_t daemon, void *err)'),
  daemonFree: free('ll_daemon_free'),
  authenticate: waiting('ll_authenticate(uint64_t daemon, const char *token, _Out_ uint64_t *workspace, void *err)'),
  workspaceFree: free('ll_workspace_free'),
  link: waiting('ll_workspace_link_filespace(uint64_t workspace, const ll_link_options *options, ' +
    '_Out_ uint64_t *filespace, void *err)'),
  unlink: waiting('ll_filespace_unlink(uint64_t filespace, void *err)'),
  syncAll: waiting('ll_filespace_sync_all(uint64_t filespace, void *position, void *err)'),
  filespaceFree: free('ll_filespace_free'),
  createDir: waiting('ll_fs_create_dir(uint64_t filespace, const char *path, void *err)'),
  delete: waiting('ll_fs_delete(uint64_t filespace, const char *path, void *err)'),
  readDir: waiting('ll_fs_read_dir(uint64_t filespace, const char *path, _Out_ uint64_t *entries, void *err)'),
  readFile: waiting('ll_fs_read_file(uint64_t filespace, const char *path, void *buf, size_t cap, ' +
    '_Out_ size_t *needed, void *err)'),
  writeFile: waiting('ll_fs_write_file(uint64_t filespace, const char *path, const void *content, size_t len, ' +
    'void *err)'),
  entriesCount: quick('ll_entries_count(uint64_t entries, _Out_ size_t *count, void *err)'),
  entriesGet: quick('ll_entries_get(uint64_t entries, size_t index, _Inout_ ll_entry *entry, void *err)'),
  entriesFree: free('ll_entries_free'),
  open: waiting('ll_file_open(uint64_t filespace, const char *path, const char *mode, void *options, ' +
    '_Out_ uint64_t *file, void *err)'),
  read: waiting('ll_file_read(uint64_t file, void *buf, size_t len, _Out_ size_t *out_read, void *err)'),
  pread: waiting('ll_file_pread(uint64_t file, uint64_t offset, void *buf, size_t len, _Out_ size_t *out_read, ' +
    'void *err)'),
  write: waiting('ll_file_write(uint64_t file, const void *buf, size_t len, void *out_written, void *err)'),
  closeFile: waiting('ll_file_close(uint64_t file, void *err)'),
  fileFree: free('ll_file_free'),
};

const collected = new FinalizationRegistry(({ free, handle }) => free(handle));

/**
 * Holds a handle (a BigInt: it has more bits than a number), and keeps the object whose end would be its end. Freeing
 * a handle again does nothing.
 */
class Owner {
  constructor(handle, free, parent) {
    this.handle = handle;
    this.parent = parent;
    collected.register(this, { free, handle });
  }
}

/** The part of the library that runs: a few threads and a temporary folder. */
export class Daemon extends Owner {
  /**
   * Starts a daemon. A process runs one at a time, unless "daemon.allow_multiple" is "true".
   * @param {Record<string, string>} settings those that ll_config_describe lists, such as "workspace.url"
   * @returns {Promise<Daemon>}
   */
  static async start(settings = {}) {
    const config = [0n];
    const handle = [0n];
    native.configNew(config);
    try {
      for (const [key, value] of Object.entries(settings)) native.configSet(config[0], key, value);
      native.daemonNew(config[0], null, handle);
    } finally {
      native.configFree(config[0]);
    }
    const daemon = new Daemon(handle[0], native.daemonFree);
    await native.daemonStart(daemon.handle);
    return daemon;
  }

  /**
   * Opens the workspace with the token of a service account.
   * @param {string} token
   * @returns {Promise<Workspace>}
   */
  async authenticate(token) {
    const handle = [0n];
    await native.authenticate(this.handle, token, handle);
    return new Workspace(handle[0], native.workspaceFree, this);
  }

  /** Stops the daemon, with the final sync of what is linked, and ends everything that was made through it. */
  async close() {
    try {
      await native.daemonStop(this.handle);
    } finally {
      native.daemonFree(this.handle);
    }
  }
}

/** An open workspace; made by Daemon.authenticate. */
export class Workspace extends Owner {
  /**
   * Links a filespace by its name: from now on its files can be used.
   * @param {string} name
   * @returns {Promise<Filespace>}
   */
  async link(name) {
    const options = { struct_size: koffi.sizeof(LinkOptions), sync_mode: 0, read_only: 0, reserved: 0,
      name, id: null, root_path: null };
    const handle = [0n];
    await native.link(this.handle, options, handle);
    return new Filespace(handle[0], native.filespaceFree, this);
  }
}

/** A linked filespace; made by Workspace.link. Paths are absolute. */
export class Filespace extends Owner {
  /** Makes a directory, and those above it that are missing. */
  async createDir(path) {
    await native.createDir(this.handle, path);
  }

  /** Removes a name of a file or symbolic link. */
  async delete(path) {
    await native.delete(this.handle, path);
  }

  /**
   * The entries of a directory by name, all of one moment.
   * @returns {Promise<{name: string, type: 'file'|'directory'|'symlink', size: number, mode: number, mtime: Date}[]>}
   */
  async readDir(path) {
    const list = [0n];
    await native.readDir(this.handle, path, list);
    try {
      const count = [0];
      native.entriesCount(list[0], count);
      return Array.from({ length: count[0] }, (_, index) => {
        const raw = { struct_size: koffi.sizeof(RawEntry) };
        native.entriesGet(list[0], index, raw);
        return { name: raw.name, type: [, 'file', 'directory', 'symlink'][raw.type], size: Number(raw.size),
          mode: raw.mode, mtime: new Date(Number(BigInt(raw.mtime_ns) / 1000000n)) };
      });
    } finally {
      native.entriesFree(list[0]);
    }
  }

  /**
   * The content of a whole file.
   * @returns {Promise<Buffer>}
   */
  async readFile(path) {
    for (let size = 65536, needed = [0]; ; size = needed[0]) {
      const content = Buffer.allocUnsafeSlow(size);
      try {
        await native.readFile(this.handle, path, content, size, needed);
        return content.subarray(0, needed[0]);
      } catch (error) {
        if (error.code !== 'LL_ERR_BUFFER_TOO_SMALL') throw error;
      }
    }
  }

  /**
   * Writes a whole file in one commit: it appears, or is replaced, as a whole.
   * @param {string | Uint8Array} content not to be changed until the promise is settled
   */
  async writeFile(path, content) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    await native.writeFile(this.handle, path, bytes, bytes.length);
  }

  /**
   * Opens a file.
   * @param {string} mode as for fopen: "r", "w", "a", "x", with "+" for the other direction too
   * @returns {Promise<File>}
   */
  async open(path, mode = 'r') {
    const handle = [0n];
    await native.open(this.handle, path, mode, null, handle);
    return new File(handle[0], native.fileFree, this);
  }

  /** The barrier: everything before it is visible to all and survives power loss. */
  async syncAll() {
    await native.syncAll(this.handle, null);
  }

  /** Ends the link, with the final sync. */
  async close() {
    try {
      await native.unlink(this.handle);
    } finally {
      native.filespaceFree(this.handle);
    }
  }
}

/** An open file; made by Filespace.open. */
export class File extends Owner {
  /**
   * Reads from the position on; 0 bytes at the end.
   * @param {Uint8Array} buffer not to be touched until the promise is settled
   * @returns {Promise<number>} how many bytes it were
   */
  async read(buffer) {
    const count = [0];
    await native.read(this.handle, buffer, buffer.length, count);
    return count[0];
  }

  /**
   * Reads at an offset, whatever the position is.
   * @param {Uint8Array} buffer not to be touched until the promise is settled
   * @param {number | bigint} offset
   * @returns {Promise<number>} how many bytes it were: fewer than asked for only at the end
   */
  async readAt(buffer, offset) {
    const count = [0];
    await native.pread(this.handle, offset, buffer, buffer.length, count);
    return count[0];
  }

  /** The content from the position on, in chunks: for `for await`, or stream.Readable.from. */
  async *chunks(size = 1 << 20) {
    for (;;) {
      const buffer = Buffer.allocUnsafeSlow(size);
      const count = await this.read(buffer);
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  }

  /**
   * Writes all of the bytes at the position, or at the end of a file that is open to append.
   * @param {Uint8Array} data not to be changed until the promise is settled
   */
  async write(data) {
    await native.write(this.handle, data, data.length, null);
  }

  /** Publishes what was written: whole, in one commit. The file is closed whether that works or not. */
  async close() {
    await native.closeFile(this.handle);
  }

  /** Closes the file and drops what was written and not published. After close it does nothing. */
  discard() {
    native.fileFree(this.handle);
  }
}
