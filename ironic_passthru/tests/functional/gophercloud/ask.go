// SPDX-License-Identifier: Apache-2.0

// Command ask sends requests with the library gophercloud, and prints the
// results as one JSON object.
//
// Its standard input is a JSON object with the login, the name of a driver,
// and the calls of its methods.
package main

import (
	"encoding/json"
	"fmt"
	"io/ioutil"
	"log"
	"net/http"
	"net/url"
	"os"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
	"github.com/gophercloud/gophercloud/openstack/baremetal/httpbasic"
	"github.com/gophercloud/gophercloud/openstack/baremetal/noauth"
	"github.com/gophercloud/gophercloud/openstack/baremetal/v1/drivers"
)

type call struct {
	Verb   string
	Driver string
	Method string
	Body   interface{}
	// Of the API; empty for the default.
	Version string
}

type wanted struct {
	// The endpoint with "/v1"; empty for the endpoint in the service catalog.
	Endpoint string
	// URL of the Identity service; empty without one.
	AuthURL  string `json:"auth_url"`
	Username string
	Password string
	DomainID string `json:"user_domain_id"`
	Driver   string
	Calls    []call
}

type outcome struct {
	Status   int         `json:"status"`
	Result   interface{} `json:"result"`
	Location string      `json:"location,omitempty"`
	// The type of the error, and the body of the response.
	Error string `json:"error,omitempty"`
	Body  string `json:"body,omitempty"`
}

type found struct {
	Drivers    []drivers.Driver         `json:"drivers"`
	Details    *drivers.Driver          `json:"details"`
	Properties drivers.DriverProperties `json:"properties"`
	Methods    map[string]interface{}   `json:"methods"`
	Outcomes   []outcome                `json:"outcomes"`
}

func main() {
	var want wanted
	check(json.NewDecoder(os.Stdin).Decode(&want))
	client, err := connect(want)
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(ask(client, want)))
}

func check(err error) {
	if err != nil {
		log.Fatalf("%T: %v", err, err)
	}
}

func connect(want wanted) (*gophercloud.ServiceClient, error) {
	if want.AuthURL != "" {
		return logIn(want)
	}
	if want.Username != "" {
		return httpbasic.NewBareMetalHTTPBasic(httpbasic.EndpointOpts{
			IronicEndpoint:     want.Endpoint,
			IronicUser:         want.Username,
			IronicUserPassword: want.Password,
		})
	}
	return noauth.NewBareMetalNoAuth(noauth.EndpointOpts{
		IronicEndpoint: want.Endpoint,
	})
}

func logIn(want wanted) (*gophercloud.ServiceClient, error) {
	provider, err := openstack.AuthenticatedClient(gophercloud.AuthOptions{
		IdentityEndpoint: want.AuthURL,
		Username:         want.Username,
		Password:         want.Password,
		DomainID:         want.DomainID,
		Scope:            &gophercloud.AuthScope{System: true},
	})
	if err != nil {
		return nil, err
	}
	client, err := openstack.NewBareMetalV1(provider, gophercloud.EndpointOpts{})
	if err == nil {
		// This release uses the URL in the service catalog unchanged.
		client.ResourceBase = client.Endpoint + "v1/"
	}
	return client, err
}

func ask(client *gophercloud.ServiceClient, want wanted) (f found) {
	// As in the examples of the library.
	client.Microversion = "1.50"
	pages, err := drivers.ListDrivers(
		client, drivers.ListDriversOpts{Detail: true},
	).AllPages()
	check(err)
	f.Drivers, err = drivers.ExtractDrivers(pages)
	check(err)
	f.Details, err = drivers.GetDriverDetails(client, want.Driver).Extract()
	check(err)
	properties, err := drivers.GetDriverProperties(client, want.Driver).Extract()
	check(err)
	f.Properties = *properties
	_, err = client.Get(
		client.ServiceURL("drivers", want.Driver, "vendor_passthru", "methods"),
		&f.Methods, nil,
	)
	check(err)
	for _, one := range want.Calls {
		f.Outcomes = append(f.Outcomes, send(client, one))
	}
	return f
}

// This release has no functions for methods of drivers. Later releases treat
// these statuses as success, and a body as JSON.
func send(client *gophercloud.ServiceClient, one call) outcome {
	client.Microversion = one.Version
	options := &gophercloud.RequestOpts{
		JSONBody:         one.Body,
		OkCodes:          []int{200, 202, 204},
		KeepResponseBody: true,
	}
	target := client.ServiceURL("drivers", one.Driver, "vendor_passthru") +
		"?" + url.Values{"method": {one.Method}}.Encode()
	var response *http.Response
	var err error
	switch one.Verb {
	case "GET":
		response, err = client.Get(target, nil, options)
	case "POST":
		response, err = client.Post(target, one.Body, nil, options)
	case "PUT":
		response, err = client.Put(target, one.Body, nil, options)
	case "DELETE":
		response, err = client.Delete(target, options)
	default:
		log.Fatalf("no verb of gophercloud: %s", one.Verb)
	}
	if err != nil {
		return failure(err)
	}
	defer response.Body.Close()
	came := outcome{
		Status:   response.StatusCode,
		Location: response.Header.Get("Location"),
	}
	body, err := ioutil.ReadAll(response.Body)
	check(err)
	if len(body) > 0 {
		check(json.Unmarshal(body, &came.Result))
	}
	return came
}

func failure(err error) outcome {
	came := outcome{Error: fmt.Sprintf("%T", err)}
	var response gophercloud.ErrUnexpectedResponseCode
	switch kind := err.(type) {
	case gophercloud.ErrDefault400:
		response = kind.ErrUnexpectedResponseCode
	case gophercloud.ErrDefault403:
		response = kind.ErrUnexpectedResponseCode
	case gophercloud.ErrDefault404:
		response = kind.ErrUnexpectedResponseCode
	case gophercloud.ErrDefault500:
		response = kind.ErrUnexpectedResponseCode
	default:
		check(err)
	}
	came.Status = response.Actual
	came.Body = string(response.Body)
	return came
}
