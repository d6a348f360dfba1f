package main

import (
	"bufio"
	"encoding/json"
	"fmt"
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

// orders are the lines of the input. The process ends with it, whatever it is doing: taking ten thousand connections
// down in good order would only cost time.
func orders() <-chan load {
	loads := make(chan load)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			var order struct {
				Run *load `json:"run"`
			}
			if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
				fail(fmt.Errorf("an order that is no JSON, %q: %w", lines.Text(), err))
			}
			if order.Run == nil {
				fail(fmt.Errorf("an order that is not known here: %q", lines.Text()))
			}
			loads <- *order.Run
		}
		if err := lines.Err(); err != nil {
			fail(err)
		}
		os.Exit(0)
	}()
	return loads
}

// report says something that has a value.
func report(name string, value any) error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{name: value})
}

// reportWord says something that is told by its name alone.
func reportWord(name string) error {
	return json.NewEncoder(os.Stdout).Encode(name)
}
