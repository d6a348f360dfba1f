package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

const connectingAtOnce = 32

// connection is what a load needs of a contestant's connection.
type connection interface {
	// echo makes one call and returns how long the answer's body is.
	echo(ctx context.Context, body []byte) (int, error)
}

// streaming is a connection that has streams, too. They go on until the context ends.
type streaming interface {
	// download has the server send messages of a size, and says of each how long it is.
	download(ctx context.Context, size int, arrived func(int) error) error
	// echoAll sends the body over and over, and says of each answer how long it is.
	echoAll(ctx context.Context, body []byte, arrived func(int) error) error
}

// connectAll makes connections, some at a time.
func connectAll(count int, connect func(number int) (connection, error)) ([]connection, error) {
	connections := make([]connection, count)
	failed := make(chan error, count)
	turns := make(chan struct{}, connectingAtOnce)
	var all sync.WaitGroup
	for number := range count {
		turns <- struct{}{}
		all.Go(func() {
			var err error
			if connections[number], err = connect(number); err != nil {
				failed <- err
			}
			<-turns
		})
	}
	all.Wait()
	close(failed)
	return connections, <-failed
}

// carry carries a load, counts once it is warm, and reports both.
func carry(connections []connection, load load) error {
	ctx, stop := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop()

	body := make([]byte, load.Size)
	// Bytes that compress would flatter whoever compresses.
	_, _ = rand.Read(body)
	meter := newMeter()
	failed := make(chan error, load.InFlight)
	for i := range load.InFlight {
		task := task{connections[i%len(connections)], body, meter}
		tasks.Go(func() {
			if err := task.run(ctx, load.Kind); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}

	if err := firstWithin(failed, load.warmUp()); err != nil {
		return err
	}
	meter.begin()
	if err := reportWord("began"); err != nil {
		return err
	}
	if err := firstWithin(failed, load.measured()); err != nil {
		return err
	}
	return report("ran", meter.counted(load.Kind == "unary"))
}

// task is one call or stream that is open at any time.
type task struct {
	connection connection
	body       []byte
	meter      *meter
}

func (t task) run(ctx context.Context, kind string) error {
	if kind == "unary" {
		return t.calls(ctx)
	}
	streams, can := t.connection.(streaming)
	if !can {
		return fmt.Errorf("a load of the kind %q for a library that has no streams", kind)
	}
	switch kind {
	case "server-stream":
		return streams.download(ctx, len(t.body), t.message)
	case "bidirectional":
		return streams.echoAll(ctx, t.body, t.message)
	default:
		return fmt.Errorf("a load of the kind %q, which is not known here", kind)
	}
}

func (t task) calls(ctx context.Context) error {
	began := time.Now()
	for {
		answered, err := t.connection.echo(ctx, t.body)
		if err != nil {
			return err
		}
		if err := t.check(answered); err != nil {
			return err
		}
		now := time.Now()
		t.meter.call(now.Sub(began))
		began = now
	}
}

func (t task) message(length int) error {
	t.meter.message()
	return t.check(length)
}

func (t task) check(length int) error {
	if length != len(t.body) {
		return fmt.Errorf("a body of %d bytes came back for one of %d", length, len(t.body))
	}
	return nil
}

// firstWithin returns the first error of that time, if any.
func firstWithin(failed <-chan error, limit time.Duration) error {
	select {
	case err := <-failed:
		return err
	case <-time.After(limit):
		return nil
	}
}
