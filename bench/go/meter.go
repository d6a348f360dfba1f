package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// precision is how many bits of a duration are kept: its error is below 1 %.
const precision = 7

// meter counts what happened since it began.
type meter struct {
	since   time.Time
	current atomic.Pointer[histogram]
}

// histogram counts durations in nanoseconds, in steps that grow with them.
type histogram struct {
	count   atomic.Uint64
	slowest atomic.Int64
	steps   [(64 - precision) << precision]atomic.Uint64
}

func newMeter() *meter {
	m := &meter{}
	m.begin()
	return m
}

// begin forgets what was counted so far.
func (m *meter) begin() {
	m.since = time.Now()
	m.current.Store(&histogram{})
}

// call counts a call that was answered.
func (m *meter) call(took time.Duration) {
	h := m.current.Load()
	h.count.Add(1)
	h.steps[step(uint64(took))].Add(1)
	for slowest := h.slowest.Load(); int64(took) > slowest; slowest = h.slowest.Load() {
		if h.slowest.CompareAndSwap(slowest, int64(took)) {
			break
		}
	}
}

// message counts a message of a stream.
func (m *meter) message() {
	m.current.Load().count.Add(1)
}

func (m *meter) counted(calls bool) counted {
	h := m.current.Load()
	result := counted{Count: h.count.Load(), Seconds: time.Since(m.since).Seconds()}
	if calls && result.Count > 0 {
		result.Latency = &latency{
			P50:  h.quantile(0.5),
			P99:  h.quantile(0.99),
			P999: h.quantile(0.999),
			Max:  microseconds(uint64(h.slowest.Load())),
		}
	}
	return result
}

// quantile is what this share of all was not slower than, in microseconds.
func (h *histogram) quantile(share float64) float64 {
	wanted := uint64(share * float64(h.count.Load()))
	var seen uint64
	for step := range h.steps {
		seen += h.steps[step].Load()
		if seen > wanted {
			return microseconds(value(step))
		}
	}
	return microseconds(uint64(h.slowest.Load()))
}

// step is a value's place: values below 2^precision have one each, those of every further power of two share as many.
func step(nanoseconds uint64) int {
	shift := max(bits.Len64(nanoseconds)-precision-1, 0)
	return shift<<precision + int(nanoseconds>>shift)
}

// value is the smallest one of a step.
func value(step int) uint64 {
	shift := max(step>>precision-1, 0)
	return uint64(step-shift<<precision) << shift
}

func microseconds(nanoseconds uint64) float64 {
	return float64(nanoseconds) / float64(time.Microsecond)
}
