// Needs a workspace with the filespace "demo": LUCIDLINK_WORKSPACE_URL and LUCIDLINK_TOKEN say which.
package lucidlink_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	lucidlink "github.com/liblucidlink/liblucidlink/bindings/go"
)

var (
	daemon *lucidlink.Daemon
	files  *lucidlink.Filespace
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	daemon, err = lucidlink.Start(map[string]string{"network.timeout": "30"})
	must(err)
	workspace, err := daemon.Authenticate(os.Getenv("LUCIDLINK_TOKEN"))
	must(err)
	files, err = workspace.Link("demo")
	must(err)
	must(files.CreateDir("/go"))
	status := m.Run()
	must(files.Close())
	must(daemon.Close())
	return status
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuickStart(t *testing.T) {
	check(t, files.CreateDir("/go/letters"))
	check(t, files.WriteFile("/go/letters/first.txt", []byte("grüße\n")))
	check(t, files.WriteFile("/go/letters/empty", nil))
	file, err := files.Open("/go/letters/second.txt", "w")
	check(t, err)
	_, err = io.WriteString(file, "two")
	check(t, err)
	check(t, file.Close())

	entries, err := files.ReadDir("/go/letters")
	check(t, err)
	var listed []string
	for _, e := range entries {
		listed = append(listed, fmt.Sprint(e.Name, " ", e.Size, " ", e.IsDir, " ", e.ModTime.Year() > 2000))
	}
	want := "empty 0 false true, first.txt 8 false true, second.txt 3 false true"
	if got := strings.Join(listed, ", "); got != want {
		t.Errorf("the directory has %q", got)
	}
	for name, want := range map[string]string{"first.txt": "grüße\n", "second.txt": "two", "empty": ""} {
		content, err := files.ReadFile("/go/letters/" + name)
		check(t, err)
		if string(content) != want {
			t.Errorf("%s has %q", name, content)
		}
	}
	check(t, files.SyncAll())
}

func TestLargeFileIsStreamed(t *testing.T) {
	const size = 64 << 20
	written, read := sha256.New(), sha256.New()
	file, err := files.Open("/go/large", "w")
	check(t, err)
	defer file.Discard()
	random := io.LimitReader(rand.New(rand.NewSource(1)), size)
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, io.TeeReader(random, written), make([]byte, 1<<20))
	check(t, err)
	check(t, file.Close())

	file, err = files.Open("/go/large", "r")
	check(t, err)
	n, err := io.CopyBuffer(struct{ io.Writer }{read}, file, make([]byte, 300_000))
	check(t, err)
	check(t, file.Close())
	if n != size || !bytes.Equal(read.Sum(nil), written.Sum(nil)) {
		t.Error("what was read is not what was written")
	}
}

func TestFileIsOneOfPackageIO(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1000)
	file, err := files.Open("/go/io", "w+")
	check(t, err)
	_, err = file.WriteAt(content[5000:], 5000)
	check(t, err)
	_, err = file.Write(content[:5000])
	check(t, err)
	_, err = file.Seek(0, io.SeekStart)
	check(t, err)
	check(t, iotest.TestReader(file, content))
	check(t, file.Close())
	if _, err := file.Read(make([]byte, 1)); !errors.Is(err, lucidlink.ErrInvalidHandle) {
		t.Errorf("a closed file was read: %v", err)
	}
}

func TestErrorHasItsDetail(t *testing.T) {
	path := "/go/" + strings.Repeat("long/", 40) + "mißing.txt"
	_, err := files.Open(path, "r")
	var detail *lucidlink.Error
	if !errors.As(err, &detail) {
		t.Fatalf("%T", err)
	}
	if detail.Status != lucidlink.ErrNotFound || detail.Status.Name() != "LL_ERR_NOT_FOUND" ||
		detail.Path != path || detail.Errno != syscall.ENOENT ||
		!strings.HasPrefix(detail.Message, "a directory of the path does not exist: ") ||
		detail.Retryable || detail.MaybeApplied || detail.Fatal {
		t.Errorf("%#v", detail)
	}
	for _, like := range []error{lucidlink.ErrNotFound, fs.ErrNotExist} {
		if !errors.Is(err, like) {
			t.Errorf("it is no %v", like)
		}
	}
	if errors.Is(err, lucidlink.ErrExists) || errors.Is(err, fs.ErrExist) {
		t.Error("it is everything")
	}
	if err := files.CreateDir("/go"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made again: %v", err)
	}
	if err := files.WriteFile("/go/a\x00b", nil); !errors.Is(err, lucidlink.ErrInvalidArgument) {
		t.Errorf("a NUL in a path: %v", err)
	}
	if _, err := daemon.Authenticate("nonsense"); !errors.Is(err, lucidlink.ErrInvalidToken) {
		t.Errorf("authenticated with nonsense: %v", err)
	}
}

func TestWhatIsNotClosedIsFreedAndNotPublished(t *testing.T) {
	check(t, files.WriteFile("/go/good", []byte("good")))
	open := func() *lucidlink.File {
		file, err := files.Open("/go/good", "w")
		check(t, err)
		_, err = file.Write([]byte("half of it"))
		check(t, err)
		return file
	}
	open().Discard()
	dropped := *open() // the handle alone; what has the finalizer is garbage
	for {
		runtime.GC()
		if _, err := dropped.Seek(0, io.SeekStart); errors.Is(err, lucidlink.ErrInvalidHandle) {
			break
		}
	}
	check(t, files.SyncAll()) // which publishes what open files wrote
	content, err := files.ReadFile("/go/good")
	check(t, err)
	if string(content) != "good" {
		t.Errorf("published: %q", content)
	}
}

// What is passed to C may lie beside Go pointers, but not point to them.
func TestMemoryBesidePointersIsPassed(t *testing.T) {
	beside := &struct {
		pointer *testing.T
		buffer  [16]byte
	}{pointer: t}
	copy(beside.buffer[:], "beside a pointer")
	check(t, files.WriteFile("/go/beside", beside.buffer[:]))
	file, err := files.Open("/go/beside", "r")
	check(t, err)
	defer file.Discard()
	_, err = io.ReadFull(file, beside.buffer[:])
	check(t, err)
}

func TestGoroutines(t *testing.T) {
	const workers, each = 32, 20
	for w := 0; w < workers; w++ {
		check(t, files.CreateDir(fmt.Sprintf("/go/goroutines/%d", w)))
	}
	var group sync.WaitGroup
	for w := 0; w < workers; w++ {
		group.Add(1)
		go func(w int) {
			defer group.Done()
			for n := 0; n < each; n++ {
				path := fmt.Sprintf("/go/goroutines/%d/%d", w, n)
				if err := files.WriteFile(path, bytes.Repeat([]byte(path), n)); err != nil {
					t.Error(err)
				}
				// The error is this call's, whatever fails on other threads.
				var detail *lucidlink.Error
				if err := files.Delete(path + ".missing"); !errors.As(err, &detail) || detail.Path != path+".missing" {
					t.Error(err)
				}
				content, err := files.ReadFile(path)
				if err != nil || string(content) != strings.Repeat(path, n) {
					t.Errorf("%s has %q: %v", path, content, err)
				}
			}
		}(w)
	}
	group.Wait()
	for w := 0; w < workers; w++ {
		entries, err := files.ReadDir(fmt.Sprintf("/go/goroutines/%d", w))
		check(t, err)
		if len(entries) != each {
			t.Errorf("%d has %d entries", w, len(entries))
		}
	}
}
