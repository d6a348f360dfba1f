package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"strings"
)

// nobody stands for an empty list of keys, which would otherwise be an invisible word on a line.
const nobody = "-"

// secretFlag is a Go ed25519 private key: 128 hex digits, the seed and then the public key.
func secretFlag(flags *flag.FlagSet) *ed25519.PrivateKey {
	var key ed25519.PrivateKey
	flags.Func("secret", "our private key: seed and public key, 128 hex digits", func(text string) (err error) {
		key, err = parseSecret(text)
		return err
	})
	return &key
}

func publicFlag(flags *flag.FlagSet, name, usage string) *ed25519.PublicKey {
	var key ed25519.PublicKey
	flags.Func(name, usage, func(text string) (err error) {
		key, err = parsePublic(text)
		return err
	})
	return &key
}

func publicListFlag(flags *flag.FlagSet, name, usage string) *[]ed25519.PublicKey {
	var keys []ed25519.PublicKey
	flags.Func(name, usage, func(text string) (err error) {
		keys, err = parsePublicList(text)
		return err
	})
	return &keys
}

// parseFlags also insists on the named flags: the library takes a missing key silently and then fails far from the
// cause.
func parseFlags(flags *flag.FlagSet, arguments []string, required ...string) error {
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range required {
		if !given[name] {
			return fmt.Errorf("--%s is required", name)
		}
	}
	return nil
}

func parseSecret(text string) (ed25519.PrivateKey, error) {
	key, err := parseHex(text, ed25519.PrivateKeySize)
	if err != nil {
		return nil, err
	}
	// Go signs with whatever public half it is given, so a mismatch would only show as a failed handshake.
	if !ed25519.NewKeyFromSeed(key[:ed25519.SeedSize]).Equal(ed25519.PrivateKey(key)) {
		return nil, errors.New("the public half does not belong to the seed")
	}
	return key, nil
}

func parsePublic(text string) (ed25519.PublicKey, error) {
	return parseHex(text, ed25519.PublicKeySize)
}

func parsePublicList(text string) ([]ed25519.PublicKey, error) {
	if text == nobody {
		return nil, nil
	}
	var keys []ed25519.PublicKey
	for _, part := range strings.Split(text, ",") {
		key, err := parsePublic(part)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseHex(text string, size int) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if len(key) != size {
		return nil, fmt.Errorf("a key of %d hex digits, not %d", len(text), 2*size)
	}
	return key, nil
}
