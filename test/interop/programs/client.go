// Fetches a page from HOST PORT by the resolver and dialer of the standard library. A failure is exit status 1.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	connection, err := net.Dial("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprint(connection, "GET / HTTP/1.0\r\n\r\n")
	if _, err := io.Copy(os.Stdout, connection); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
