// Sends a message that is refused and one that is stored, with the generated client.
package main

import (
	"context"
	"fmt"
	"os"

	kefu "github.com/kefu/client"
)

func send(client *kefu.APIClient, content string) *kefu.EnvelopeMessageId {
	body := *kefu.NewMemberSend(content, kefu.TEXT)
	answer, _, err := client.MemberMessageAPI.MemberSend(context.Background()).MemberSend(body).Execute()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return answer
}

func main() {
	configuration := kefu.NewConfiguration()
	configuration.Servers[0].URL = os.Args[1]
	configuration.AddDefaultHeader("Authorization", "Bearer "+os.Args[2])
	client := kefu.NewAPIClient(configuration)
	refused := send(client, "null")
	_, isSet := refused.GetDataOk()
	stored := send(client, "{\"text\":\"go\"}")
	fmt.Println(refused.GetCode(), refused.Data.Get() == nil, isSet, stored.GetCode(), stored.GetData() > 0)
	if refused.GetCode() != 400 || refused.Data.Get() != nil || stored.GetCode() != 0 || stored.GetData() <= 0 {
		os.Exit(1)
	}
}
