package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// pin keeps this process to one core by starting it anew: Go's runtime has threads before main begins, and they all
// inherit the core only if the thread that starts them has it already.
func pin(core int) error {
	var wanted, allowed unix.CPUSet
	wanted.Set(core)
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return err
	}
	if allowed == wanted {
		return nil
	}
	// The affinity is the thread's, and it must be this thread that replaces the process.
	runtime.LockOSThread()
	if err := unix.SchedSetaffinity(0, &wanted); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, os.Args, os.Environ())
}
