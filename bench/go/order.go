package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// load is what a client is to do, as in bench/src/order.rs.
type load struct {
	Kind        string `json:"kind"`
	Size        int    `json:"size"`
	InFlight    int    `json:"in_flight"`
	Connections int    `json:"connections"`
	WarmUpMs    int64  `json:"warm_up_ms"`
	MeasuredMs  int64  `json:"measured_ms"`
}

func (l load) warmUp() time.Duration   { return time.Duration(l.WarmUpMs) * time.Millisecond }
func (l load) measured() time.Duration { return time.Duration(l.MeasuredMs) * time.Millisecond }

type listening struct {
	Address string  `json:"address"`
	Key     *string `json:"key"`
}

type counted struct {
	Count   uint64   `json:"count"`
	Seconds float64  `json:"seconds"`
	Latency *latency `json:"latency"`
}

// latency is in microseconds.
type latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// obey carries out one order after the other, until there are no more.
func obey(orders io.Reader, carry func(load) error) error {
	lines := bufio.NewReader(orders)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var order struct {
			Run *load `json:"run"`
		}
		if err := json.Unmarshal(line, &order); err != nil {
			return fmt.Errorf("an order that is no JSON, %q: %w", line, err)
		}
		if order.Run == nil {
			return fmt.Errorf("an order that is not known here: %q", line)
		}
		if err := carry(*order.Run); err != nil {
			return err
		}
	}
}

// report says something that has a value.
func report(name string, value any) error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{name: value})
}

// reportWord says something that is told by its name alone.
func reportWord(name string) error {
	return json.NewEncoder(os.Stdout).Encode(name)
}
