// Package lucidlink is liblucidlink in Go: a shared, end-to-end encrypted cloud file system inside this process.
//
//	daemon, err := lucidlink.Start(nil)
//	workspace, err := daemon.Authenticate(token)
//	files, err := workspace.Link("demo")
//	err = files.WriteFile("/hello.txt", []byte("hello, world"))
//	content, err := files.ReadFile("/hello.txt")
//	err = daemon.Close()
//
// Everything may be used from any goroutine at the same time. A call that waits for log or store holds a thread, as a
// system call does; it ends after the setting network.timeout at the latest. What is not closed is freed when it is
// collected, and publishes nothing.
package lucidlink

/*
#cgo pkg-config: lucidlink
#include <stdlib.h>
#include <lucidlink.h>
*/
import "C"

import (
	"runtime"
	"strings"
	"unsafe"
)

// text is a string for C, which would end it at a NUL without a word; the second result frees it.
func text(name, value string) (*C.char, func(), error) {
	if strings.IndexByte(value, 0) >= 0 {
		return nil, nil, &Error{Status: ErrInvalidArgument, Message: name + ": it contains a NUL"}
	}
	c := C.CString(value)
	return c, func() { C.free(unsafe.Pointer(c)) }, nil
}

// filled is a slice that has a first byte to point to; C does not look at it if the length is 0. The pointer itself is
// made where the call is, so that cgo knows that only bytes are passed.
func filled(slice []byte) []byte {
	if len(slice) == 0 {
		return []byte{0}
	}
	return slice
}

// A Daemon is the part of the library that runs: a few threads and a temporary folder.
type Daemon struct{ handle C.ll_daemon }

// Start starts a daemon with settings that ll_config_describe lists, such as "workspace.url"; nil for the defaults. A
// process runs one at a time, unless "daemon.allow_multiple" is "true".
func Start(settings map[string]string) (*Daemon, error) {
	var config C.ll_config
	if err := check(func(detail *C.ll_error) C.ll_status { return C.ll_config_new(&config, detail) }); err != nil {
		return nil, err
	}
	defer C.ll_config_free(config)
	for key, value := range settings {
		if err := set(config, key, value); err != nil {
			return nil, err
		}
	}
	d := &Daemon{}
	err := check(func(detail *C.ll_error) C.ll_status { return C.ll_daemon_new(config, nil, &d.handle, detail) })
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(d, func(d *Daemon) { C.ll_daemon_free(d.handle) })
	return d, check(func(detail *C.ll_error) C.ll_status { return C.ll_daemon_start(d.handle, detail) })
}

func set(config C.ll_config, key, value string) error {
	k, freeKey, err := text("key", key)
	if err != nil {
		return err
	}
	defer freeKey()
	v, freeValue, err := text("value", value)
	if err != nil {
		return err
	}
	defer freeValue()
	return check(func(detail *C.ll_error) C.ll_status { return C.ll_config_set(config, k, v, detail) })
}

// Authenticate opens the workspace with the token of a service account.
func (d *Daemon) Authenticate(token string) (*Workspace, error) {
	defer runtime.KeepAlive(d)
	t, free, err := text("token", token)
	if err != nil {
		return nil, err
	}
	defer free()
	w := &Workspace{daemon: d}
	err = check(func(detail *C.ll_error) C.ll_status { return C.ll_authenticate(d.handle, t, &w.handle, detail) })
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(w, func(w *Workspace) { C.ll_workspace_free(w.handle) })
	return w, nil
}

// Close stops the daemon, with the final sync of what is linked, and ends everything that was made through it.
func (d *Daemon) Close() error {
	defer runtime.KeepAlive(d)
	err := check(func(detail *C.ll_error) C.ll_status { return C.ll_daemon_stop(d.handle, detail) })
	C.ll_daemon_free(d.handle)
	return err
}

// A Workspace is where filespaces are; Daemon.Authenticate opens it.
type Workspace struct {
	handle C.ll_workspace
	daemon *Daemon // whose end would be this one's
}

// Link links a filespace by its name: from now on its files can be used.
func (w *Workspace) Link(name string) (*Filespace, error) {
	defer runtime.KeepAlive(w)
	n, free, err := text("name", name)
	if err != nil {
		return nil, err
	}
	defer free()
	options := C.ll_link_options{struct_size: C.sizeof_ll_link_options, name: n}
	f := &Filespace{daemon: w.daemon}
	err = check(func(detail *C.ll_error) C.ll_status {
		return C.ll_workspace_link_filespace(w.handle, &options, &f.handle, detail)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(f, func(f *Filespace) { C.ll_filespace_free(f.handle) })
	return f, nil
}
