package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// runVectors prints what the library puts on the wire, byte for byte, as JSON that is the same in every run.
func runVectors(arguments []string) error {
	var vectors any
	var err error
	switch {
	case len(arguments) == 1 && arguments[0] == "frames":
		vectors, err = frameVectors()
	case len(arguments) == 1 && arguments[0] == "certificates":
		vectors, err = certificateVectors()
	default:
		return fmt.Errorf("vectors of what: frames or certificates?")
	}
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(vectors)
}
