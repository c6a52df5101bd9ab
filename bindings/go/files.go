package lucidlink

// #include <lucidlink.h>
import "C"

import (
	"errors"
	"io"
	"runtime"
	"time"
	"unsafe"
)

// A Filespace is a linked filespace: directories, files and symbolic links. Paths are absolute.
type Filespace struct {
	handle C.ll_filespace
	daemon *Daemon // whose end would be this one's
}

// An Entry is a file, directory or symbolic link.
type Entry struct {
	Name    string
	Size    uint64
	IsDir   bool
	IsLink  bool
	Mode    uint32 // permission bits
	ModTime time.Time
	FileID  uint64 // a number that no other file ever gets
}

// on makes a call about a path.
func (f *Filespace) on(path string, call func(path *C.char, detail *C.ll_error) C.ll_status) error {
	defer runtime.KeepAlive(f)
	p, free, err := text("path", path)
	if err != nil {
		return err
	}
	defer free()
	return check(func(detail *C.ll_error) C.ll_status { return call(p, detail) })
}

// CreateDir makes a directory, and those above it that are missing.
func (f *Filespace) CreateDir(path string) error {
	return f.on(path, func(p *C.char, detail *C.ll_error) C.ll_status { return C.ll_fs_create_dir(f.handle, p, detail) })
}

// Delete removes a name of a file or symbolic link.
func (f *Filespace) Delete(path string) error {
	return f.on(path, func(p *C.char, detail *C.ll_error) C.ll_status { return C.ll_fs_delete(f.handle, p, detail) })
}

// WriteFile writes a whole file in one commit: it appears, or is replaced, as a whole.
func (f *Filespace) WriteFile(path string, content []byte) error {
	return f.on(path, func(p *C.char, detail *C.ll_error) C.ll_status {
		return C.ll_fs_write_file(f.handle, p, unsafe.Pointer(&filled(content)[0]), C.size_t(len(content)), detail)
	})
}

// ReadFile is the content of a whole file.
func (f *Filespace) ReadFile(path string) ([]byte, error) {
	content, needed := make([]byte, 64<<10), C.size_t(0)
	for {
		err := f.on(path, func(p *C.char, detail *C.ll_error) C.ll_status {
			return C.ll_fs_read_file(f.handle, p, unsafe.Pointer(&filled(content)[0]), C.size_t(len(content)), &needed, detail)
		})
		switch {
		case err == nil:
			return content[:needed], nil
		case !errors.Is(err, bufferTooSmall):
			return nil, err
		}
		content = make([]byte, needed)
	}
}

// ReadDir lists a directory by name, all of one moment.
func (f *Filespace) ReadDir(path string) ([]Entry, error) {
	var list C.ll_entries
	err := f.on(path, func(p *C.char, detail *C.ll_error) C.ll_status {
		return C.ll_fs_read_dir(f.handle, p, &list, detail)
	})
	if err != nil {
		return nil, err
	}
	defer C.ll_entries_free(list)
	var count C.size_t
	if err := check(func(detail *C.ll_error) C.ll_status { return C.ll_entries_count(list, &count, detail) }); err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, count)
	raw := C.ll_entry{struct_size: C.sizeof_ll_entry}
	for i := C.size_t(0); i < count; i++ {
		err := check(func(detail *C.ll_error) C.ll_status { return C.ll_entries_get(list, i, &raw, detail) })
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{
			Name:    C.GoString(raw.name), // a copy: the name belongs to the list
			Size:    uint64(raw.size),
			IsDir:   raw._type == C.LL_TYPE_DIRECTORY,
			IsLink:  raw._type == C.LL_TYPE_SYMLINK,
			Mode:    uint32(raw.mode),
			ModTime: time.Unix(0, int64(raw.mtime_ns)),
			FileID:  uint64(raw.file_id),
		})
	}
	return entries, nil
}

// SyncAll is the barrier: everything before it is visible to all, and survives power loss.
func (f *Filespace) SyncAll() error {
	defer runtime.KeepAlive(f)
	return check(func(detail *C.ll_error) C.ll_status { return C.ll_filespace_sync_all(f.handle, nil, detail) })
}

// Close ends the link, with the final sync.
func (f *Filespace) Close() error {
	defer runtime.KeepAlive(f)
	err := check(func(detail *C.ll_error) C.ll_status { return C.ll_filespace_unlink(f.handle, detail) })
	C.ll_filespace_free(f.handle)
	return err
}

// A File is an open file: an io.Reader, Writer, ReaderAt, WriterAt, Seeker and Closer.
type File struct {
	handle    C.ll_file
	filespace *Filespace // whose end would be this one's
}

// Open opens a file; the modes are those of fopen: "r", "w", "a", "x", with "+" for the other direction too.
func (f *Filespace) Open(path, mode string) (*File, error) {
	m, free, err := text("mode", mode)
	if err != nil {
		return nil, err
	}
	defer free()
	file := &File{filespace: f}
	err = f.on(path, func(p *C.char, detail *C.ll_error) C.ll_status {
		return C.ll_file_open(f.handle, p, m, nil, &file.handle, detail)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(file, (*File).Discard)
	return file, nil
}

// counted makes a call that says how many bytes it took or gave.
func (f *File) counted(call func(count *C.size_t, detail *C.ll_error) C.ll_status) (int, error) {
	defer runtime.KeepAlive(f)
	var count C.size_t
	err := check(func(detail *C.ll_error) C.ll_status { return call(&count, detail) })
	return int(count), err
}

// Read reads from the position on; io.EOF at the end.
func (f *File) Read(buf []byte) (int, error) {
	n, err := f.counted(func(count *C.size_t, detail *C.ll_error) C.ll_status {
		return C.ll_file_read(f.handle, unsafe.Pointer(&filled(buf)[0]), C.size_t(len(buf)), count, detail)
	})
	if err == nil && n == 0 && len(buf) > 0 {
		err = io.EOF
	}
	return n, err
}

// ReadAt reads at an offset, whatever the position is; io.EOF if the file ends before the buffer is full.
func (f *File) ReadAt(buf []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, &Error{Status: ErrInvalidArgument, Message: "offset: it is negative"}
	}
	n, err := f.counted(func(count *C.size_t, detail *C.ll_error) C.ll_status {
		return C.ll_file_pread(f.handle, C.uint64_t(offset), unsafe.Pointer(&filled(buf)[0]), C.size_t(len(buf)), count, detail)
	})
	if err == nil && n < len(buf) {
		err = io.EOF
	}
	return n, err
}

// Write writes at the position, or at the end of a file that is open to append.
func (f *File) Write(data []byte) (int, error) {
	return f.counted(func(count *C.size_t, detail *C.ll_error) C.ll_status {
		return C.ll_file_write(f.handle, unsafe.Pointer(&filled(data)[0]), C.size_t(len(data)), count, detail)
	})
}

// WriteAt writes at an offset, whatever the position is.
func (f *File) WriteAt(data []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, &Error{Status: ErrInvalidArgument, Message: "offset: it is negative"}
	}
	return f.counted(func(count *C.size_t, detail *C.ll_error) C.ll_status {
		return C.ll_file_pwrite(f.handle, C.uint64_t(offset), unsafe.Pointer(&filled(data)[0]), C.size_t(len(data)), count, detail)
	})
}

// Seek moves the position.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	defer runtime.KeepAlive(f)
	var position C.uint64_t
	err := check(func(detail *C.ll_error) C.ll_status {
		return C.ll_file_seek(f.handle, C.int64_t(offset), C.int32_t(whence), &position, detail)
	})
	return int64(position), err
}

// Close publishes what was written: whole, in one commit. The file is closed whether that works or not.
func (f *File) Close() error {
	defer runtime.KeepAlive(f)
	return check(func(detail *C.ll_error) C.ll_status { return C.ll_file_close(f.handle, detail) })
}

// Discard closes the file and drops what was written and not published. After Close it does nothing, so that it can
// be deferred.
func (f *File) Discard() { C.ll_file_free(f.handle) }
