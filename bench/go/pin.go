package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// maxCores is how many a CPUSet has room for.
const maxCores = 1024

// pin keeps this process to one core, the server to the first that it may use and the client to the last, by starting it
// anew: Go's runtime has threads before main begins, and they all inherit the core only if the thread that starts them
// has it already.
func pin(side string) error {
	var allowed, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return err
	}
	if allowed.Count() == 1 {
		return nil
	}
	for core := range maxCores {
		if allowed.IsSet(core) {
			only.Zero()
			only.Set(core)
			if side == "server" {
				break
			}
		}
	}
	// The affinity is the thread's, and it must be this thread that replaces the process.
	runtime.LockOSThread()
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, os.Args, os.Environ())
}
