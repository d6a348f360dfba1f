package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// endLimit bounds the end of a side. The library hangs there for ever when a client is closed while messages come in,
// or a server has deadlocked on a call that timed out; a test wants a failure rather than a process that stays.
const endLimit = 5 * time.Second

// A command takes the rest of its line and returns the value to answer with.
type command func(arguments string) (string, error)

// commands is what a long-running subcommand understands.
type commands struct {
	verbs map[string]command
	// last is the verb that ends the subcommand, by way of end; the end of the input does the same, unanswered.
	last string
	end  func() error
}

// serve answers each line `<id> <verb> arguments…` with one line `<id> ok <value>` or `<id> err <text>`. Commands run
// concurrently, so answers come in any order. A verb that must come after another one is sent after the other's answer.
func (c commands) serve(in io.Reader, out io.Writer) error {
	var mu sync.Mutex
	answer := func(id, value string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			fmt.Fprintf(out, "%s err %s\n", id, quoteIfNeeded(err.Error()))
		} else {
			fmt.Fprintf(out, "%s ok %s\n", id, quoteIfNeeded(value))
		}
	}

	// Not a bufio.Scanner, which gives up on long lines.
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return c.finish()
		}
		id, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		verb, arguments, _ := strings.Cut(rest, " ")

		if verb == c.last {
			err := c.finish()
			answer(id, c.last, err)
			return err
		}
		run, known := c.verbs[verb]
		if !known {
			answer(id, "", fmt.Errorf("unknown command %q", verb))
			continue
		}
		go func() {
			value, err := run(arguments)
			answer(id, value, err)
		}()
	}
}

// finish runs end, but waits for it only so long.
func (c commands) finish() error {
	done := make(chan error, 1)
	go func() { done <- c.end() }()
	select {
	case err := <-done:
		return err
	case <-time.After(endLimit):
		return fmt.Errorf("%s hangs", c.last)
	}
}

// quoteIfNeeded keeps an answer on one line. A text that begins with a quote is quoted too, so that the two forms
// cannot be confused.
func quoteIfNeeded(text string) string {
	if strings.ContainsAny(text, "\r\n") || strings.HasPrefix(text, `"`) {
		return strconv.Quote(text)
	}
	return text
}

// unquoteIfNeeded is the inverse, for the bodies in commands.
func unquoteIfNeeded(text string) (string, error) {
	if strings.HasPrefix(text, `"`) {
		return strconv.Unquote(text)
	}
	return text, nil
}

// cutNumber takes a number off the front of a command's arguments.
func cutNumber(arguments string) (number int, rest string, err error) {
	word, rest, _ := strings.Cut(arguments, " ")
	number, err = strconv.Atoi(word)
	return number, rest, err
}

// cutTimeout takes a time-out in milliseconds off the front of a command's arguments.
func cutTimeout(arguments string) (timeout time.Duration, rest string, err error) {
	milliseconds, rest, err := cutNumber(arguments)
	return time.Duration(milliseconds) * time.Millisecond, rest, err
}
