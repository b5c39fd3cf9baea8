// Talks to the server BASE by the standard library of Go, which brings its own TLS. Prints the version of HTTP, and what it got.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func read(response *http.Response, err error) (*http.Response, []byte) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return response, content
}

func main() {
	base := os.Args[1]
	response, headers := read(http.Get(base + "/headers"))
	body := bytes.Repeat([]byte("x"), 3000000)
	_, echoed := read(http.Post(base+"/echo", "application/octet-stream", bytes.NewReader(body)))
	isMasked := strings.Contains(string(headers), `"authorization":"Bearer ***`)
	fmt.Println("Go", response.Proto, isMasked, bytes.Equal(body, echoed))
}
