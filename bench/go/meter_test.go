package main

import (
	"math"
	"testing"
	"time"
)

func TestStepsKeepDurationsWithinOnePercent(t *testing.T) {
	last := len(histogram{}.steps) - 1
	for _, nanoseconds := range []uint64{0, 1, 127, 128, 255, 256, 257, 1_000_003, math.MaxInt64} {
		step := step(nanoseconds)
		if step > last {
			t.Fatalf("%d is in step %d of %d", nanoseconds, step, last)
		}
		if kept := value(step); kept > nanoseconds || float64(nanoseconds-kept) > 0.01*float64(nanoseconds) {
			t.Errorf("%d became %d", nanoseconds, kept)
		}
	}
}

func TestQuantiles(t *testing.T) {
	meter := newMeter()
	for i := range 1000 {
		meter.call(time.Duration(i+1) * time.Microsecond)
	}
	got := *meter.counted(true).Latency
	for _, quantile := range [][2]float64{{got.P50, 501}, {got.P99, 991}, {got.P999, 1000}, {got.Max, 1000}} {
		if math.Abs(quantile[0]-quantile[1]) > 0.01*quantile[1] {
			t.Errorf("%v, not %v, in %+v", quantile[0], quantile[1], got)
		}
	}
}
