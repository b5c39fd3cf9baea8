// Serves HTTP on a port of loopback and of ::1, and echoes over AF_UNIX and UDP, with package net. Its clients are its own and curl.
// Prints a line for each. A failure is exit status 1.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func overHTTP(host string, port string) {
	address := net.JoinHostPort(host, port)
	listener, err := net.Listen("tcp", address)
	must(err)
	go http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(answer, "served")
	}))
	response, err := http.Get("http://" + address + "/")
	must(err)
	body, err := io.ReadAll(response.Body)
	must(err)
	fmt.Print(host, " ", string(body))
	curl := exec.Command("curl", "-gsS", "http://"+address+"/")
	curl.Stderr = os.Stderr
	output, err := curl.Output()
	must(err)
	fmt.Print("curl ", string(output))
}

func local(name string, address string) {
	listener, err := net.Listen("unix", address)
	must(err)
	go func() {
		connection, err := listener.Accept()
		must(err)
		fmt.Fprintln(connection, "served")
		connection.Close()
	}()
	connection, err := net.Dial("unix", address)
	must(err)
	answer, err := io.ReadAll(connection)
	must(err)
	fmt.Print(name, " ", string(answer))
}

func datagrams() {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(err)
	client, err := net.Dial("udp", server.LocalAddr().String())
	must(err)
	fmt.Fprint(client, "asked!")
	packet := make([]byte, 6)
	_, from, err := server.ReadFrom(packet)
	must(err)
	_, err = server.WriteTo([]byte("served"), from)
	must(err)
	_, err = client.Read(packet)
	must(err)
	fmt.Println("udp", string(packet))
}

func main() {
	overHTTP("127.0.0.1", os.Args[1])
	overHTTP("::1", os.Args[1])
	folder, err := os.MkdirTemp("", "server")
	must(err)
	local("path", folder+"/socket")
	local("abstract", "@postern-server")
	datagrams()
}
