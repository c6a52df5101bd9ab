package lucidlink

// #include <lucidlink.h>
import "C"

import "syscall"

// A Status says what went wrong, as a number that never changes its meaning. It is an error to compare with:
//
//	if errors.Is(err, lucidlink.ErrExists) { ... }
type Status int32

// The statuses that programs act on; lucidlink.h has them all.
const (
	ErrInvalidArgument Status = C.LL_ERR_INVALID_ARGUMENT
	ErrInvalidHandle   Status = C.LL_ERR_INVALID_HANDLE
	ErrInvalidPath     Status = C.LL_ERR_INVALID_PATH
	ErrInvalidToken    Status = C.LL_ERR_INVALID_TOKEN
	ErrAuthentication  Status = C.LL_ERR_AUTHENTICATION
	ErrAccessDenied    Status = C.LL_ERR_ACCESS_DENIED
	ErrNotFound        Status = C.LL_ERR_NOT_FOUND
	ErrExists          Status = C.LL_ERR_EXISTS
	ErrIsADirectory    Status = C.LL_ERR_IS_A_DIRECTORY
	ErrDeleted         Status = C.LL_ERR_DELETED
	ErrTimeout         Status = C.LL_ERR_TIMEOUT

	bufferTooSmall Status = C.LL_ERR_BUFFER_TOO_SMALL
)

// Name is the status as lucidlink.h calls it, such as "LL_ERR_NOT_FOUND".
func (s Status) Name() string { return C.GoString(C.ll_status_name(C.ll_status(s))) }

// Error is one sentence about the status.
func (s Status) Error() string { return C.GoString(C.ll_status_text(C.ll_status(s))) }

// Error is a call that failed. errors.Is finds its Status in it, and what package io/fs has for it, such as
// fs.ErrNotExist.
type Error struct {
	Status  Status
	Message string        // what failed, on what, and what to do
	Path    string        // the path that it failed on, or ""
	Errno   syscall.Errno // what the operating system said, or the closest to it

	Retryable    bool // the same call may succeed later
	MaybeApplied bool // its outcome was not known when it ended: it may have taken effect, or still may
	Fatal        bool // the link refuses all further work
}

func (e *Error) Error() string { return "lucidlink: " + e.Message }

// Is reports whether the error is of this Status, or an error of package io/fs that is its like.
func (e *Error) Is(target error) bool { return target == error(e.Status) || e.Errno.Is(target) }

// check makes a call. The detail is in a record of this call's own: the next call of a goroutine may be on another
// thread.
func check(call func(detail *C.ll_error) C.ll_status) error {
	detail := C.ll_error{struct_size: C.sizeof_ll_error}
	status := call(&detail)
	if status == C.LL_OK {
		return nil
	}
	return &Error{
		Status:       Status(status),
		Message:      C.GoString(&detail.message[0]),
		Path:         C.GoString(&detail.path[0]),
		Errno:        syscall.Errno(detail.os_errno),
		Retryable:    detail.flags&C.LL_ERROR_RETRYABLE != 0,
		MaybeApplied: detail.flags&C.LL_ERROR_MAYBE_APPLIED != 0,
		Fatal:        detail.flags&C.LL_ERROR_FATAL != 0,
	}
}
