// Makes pairs of AF_UNIX datagram sockets, in many goroutines at once. Go's runtime waits for them by epoll(7), and signals its own threads meanwhile.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const workers, times = 8, 50

func end(fd int) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "pair")
	defer file.Close()
	return net.FileConn(file)
}

func pair() (net.Conn, net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	one, err := end(fds[0])
	if err != nil {
		return nil, nil, err
	}
	other, err := end(fds[1])
	return one, other, err
}

func echo(number int) error {
	one, other, err := pair()
	if err != nil {
		return err
	}
	defer one.Close()
	defer other.Close()
	received := make(chan string, 1)
	go func() {
		bytes := make([]byte, 100)
		length, err := other.Read(bytes)
		received <- fmt.Sprintf("%s %v", bytes[:length], err)
	}()
	runtime.Gosched()
	if _, err := fmt.Fprint(one, number); err != nil {
		return err
	}
	if text := <-received; text != fmt.Sprintf("%d <nil>", number) {
		return fmt.Errorf("received %q", text)
	}
	return nil
}

func main() {
	one, other, err := pair()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	bytes := make([]byte, 100)
	for _, text := range []string{"one", "three", ""} {
		_, err := other.Write([]byte(text))
		fmt.Println("write", len(text), err)
	}
	for range 2 {
		length, err := one.Read(bytes)
		fmt.Println("read", length, err)
	}
	one.SetReadDeadline(time.Now().Add(-time.Second))
	_, err = one.Read(bytes)
	fmt.Println("too late:", os.IsTimeout(err))
	var failed atomic.Int32
	var group sync.WaitGroup
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for turn := range times {
				if err := echo(worker*times + turn); err != nil {
					failed.Add(1)
					fmt.Println(err)
				}
				if turn%10 == 0 {
					runtime.GC()
				}
			}
		}()
	}
	group.Wait()
	fmt.Println("failed:", failed.Load())
}
