// Says that it is ready as Go programs do: a connected datagram socket.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	time.Sleep(300 * time.Millisecond)
	fmt.Println("begins to say it")
	address := &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"}
	conn, err := net.DialUnix(address.Net, nil, address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if _, err = conn.Write([]byte("READY=1")); err != nil {
		fmt.Println(err)
	}
	conn.Close()
}
