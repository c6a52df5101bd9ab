// A Google Cloud Storage on loopback for the tests: fake-gcs-server, whose XML interface has neither conditional PUT nor
// paged listings, so that requests in XML are passed to its JSON interface, which has both. Who asks is checked as Google
// does it: by the signature of the service account's token.
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

const host = "storage.googleapis.com"

type server struct {
	inner http.Handler
	key   *rsa.PublicKey
	email string
}

func main() {
	bucket := flag.String("bucket", "", "name of the bucket to make")
	account := flag.String("account", "", "file with the key of the service account that may do everything")
	certificate := flag.String("certificate", "", "file with the certificate")
	key := flag.String("key", "", "file with the certificate's key")
	flag.Parse()

	storage, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, PublicHost: host})
	check(err)
	storage.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: *bucket})
	s := &server{inner: storage.HTTPHandler()}
	check(s.readAccount(*account))

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() { check(http.ServeTLS(secure, s, *certificate, *key)) }()
	fmt.Println(plain.Addr().(*net.TCPAddr).Port, secure.Addr().(*net.TCPAddr).Port)
	check(http.Serve(plain, s))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (s *server) readAccount(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var account struct {
		Key   string `json:"private_key"`
		Email string `json:"client_email"`
	}
	if err := json.Unmarshal(text, &account); err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(account.Key))
	if block == nil {
		return fmt.Errorf("%s: no private key", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	s.key, s.email = &key.(*rsa.PrivateKey).PublicKey, account.Email
	return nil
}

// Whether a request has a token that the service account signed and that is valid now.
func (s *server) isFromAccount(r *http.Request) bool {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(s.key, crypto.SHA256, hash[:], signature) != nil {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer  string `json:"iss"`
		Expires int64  `json:"exp"`
	}
	return err == nil && json.Unmarshal(text, &claims) == nil && claims.Issuer == s.email &&
		claims.Expires > time.Now().Unix()
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.isFromAccount(r) {
		fail(w, http.StatusUnauthorized, "AuthenticationRequired")
		return
	}
	bucket, object, hasObject := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if s.ask(http.MethodGet, "/storage/v1/b/"+url.PathEscape(bucket), nil, r).Code != http.StatusOK {
		fail(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	switch {
	case !hasObject || object == "":
		s.list(w, r, bucket)
	case r.Method == http.MethodPut:
		s.put(w, r, bucket, object)
	default:
		s.pass(w, r)
	}
}

// Asks the server below; of the request that was made, the body goes along if the method has one.
func (s *server) ask(method, path string, query url.Values, from *http.Request) *httptest.ResponseRecorder {
	inner := httptest.NewRequest(method, "http://"+host+path+"?"+query.Encode(), nil)
	if method == http.MethodPost {
		inner.Body, inner.ContentLength = from.Body, from.ContentLength
		inner.Header.Set("Content-Type", from.Header.Get("Content-Type"))
	}
	answer := httptest.NewRecorder()
	s.inner.ServeHTTP(answer, inner)
	return answer
}

func (s *server) put(w http.ResponseWriter, r *http.Request, bucket, object string) {
	query := url.Values{"uploadType": {"media"}, "name": {object}}
	if generation := r.Header.Get("x-goog-if-generation-match"); generation != "" {
		query.Set("ifGenerationMatch", generation)
	}
	answer := s.ask(http.MethodPost, "/upload/storage/v1/b/"+url.PathEscape(bucket)+"/o", query, r)
	var made struct {
		Etag       string `json:"etag"`
		Generation string `json:"generation"`
	}
	switch {
	case answer.Code == http.StatusPreconditionFailed:
		fail(w, answer.Code, "PreconditionFailed")
	case answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &made) != nil:
		fail(w, http.StatusInternalServerError, "InternalError")
	default:
		w.Header().Set("ETag", fmt.Sprintf("%q", made.Etag))
		w.Header().Set("x-goog-generation", made.Generation)
		w.WriteHeader(http.StatusOK)
	}
}

type object struct {
	Key          string
	LastModified string
	ETag         string
	Size         string
}

func (s *server) list(w http.ResponseWriter, r *http.Request, bucket string) {
	asked, query := r.URL.Query(), url.Values{}
	for theirs, ours := range map[string]string{
		"prefix": "prefix", "max-keys": "maxResults", "continuation-token": "pageToken",
	} {
		if value := asked.Get(theirs); value != "" {
			query.Set(ours, value)
		}
	}
	if after := asked.Get("start-after"); after != "" {
		query.Set("startOffset", after+"\x00")
	}
	answer := s.ask(http.MethodGet, "/storage/v1/b/"+url.PathEscape(bucket)+"/o", query, r)
	var found struct {
		Items []struct{ Name, Updated, Etag, Size string }
		Next  string `json:"nextPageToken"`
	}
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &found) != nil {
		fail(w, http.StatusInternalServerError, "InternalError")
		return
	}
	result := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		NextContinuationToken string   `xml:",omitempty"`
		Contents              []object
	}{NextContinuationToken: found.Next}
	for _, item := range found.Items {
		result.Contents = append(result.Contents, object{item.Name, item.Updated, item.Etag, item.Size})
	}
	w.Header().Set("Content-Type", "application/xml")
	check(xml.NewEncoder(w).Encode(result))
}

// Passes a request on as it is; failures get the codes of the XML interface.
func (s *server) pass(w http.ResponseWriter, r *http.Request) {
	r.Host = host
	answer := httptest.NewRecorder()
	s.inner.ServeHTTP(answer, r)
	switch answer.Code {
	case http.StatusNotFound:
		fail(w, answer.Code, "NoSuchKey")
	case http.StatusRequestedRangeNotSatisfiable:
		fail(w, answer.Code, "InvalidRange")
	default:
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version='1.0' encoding='UTF-8'?><Error><Code>%s</Code><Message>no</Message></Error>", code)
}
