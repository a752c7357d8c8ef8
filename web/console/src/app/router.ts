import { createRouter, createWebHistory } from 'vue-router'
import { teamRoutes } from '@/team/routes'
import { withTexts } from '@/locales'
import { useSession } from './session'

export const router = createRouter({
  history: createWebHistory(import.meta.env.BASE_URL),
  routes: [
    {
      path: '/login',
      name: 'login',
      component: withTexts(['login'], () => import('@/login/LoginPage.vue')),
      meta: { open: true },
    },
    {
      path: '/second-factor',
      name: 'setUp',
      component: withTexts(['secondFactor'], () => import('@/secondFactor/SetUpPage.vue')),
    },
    {
      path: '/',
      component: () => import('./Frame.vue'),
      children: [
        {
          path: '',
          component: () => import('@/workbench/Workbench.vue'),
          children: [
            { path: '', name: 'home', component: () => import('@/workbench/Home.vue') },
            {
              path: 'c/:id(\\d+)',
              name: 'conversation',
              component: () => import('@/workbench/timeline/ConversationPane.vue'),
              props: (route) => ({ conversationId: Number(route.params['id']) }),
            },
          ],
        },
        { path: 'settings', redirect: { name: 'channels' } },
        {
          path: 'settings/channels',
          component: withTexts(['channels'], () => import('@/channels/ChannelsArea.vue')),
          children: [
            { path: '', name: 'channels', component: () => import('@/channels/ChannelList.vue') },
            { path: 'new', name: 'newChannel', component: () => import('@/channels/ChannelPage.vue') },
            {
              path: ':id(\\d+)',
              name: 'channel',
              component: () => import('@/channels/ChannelPage.vue'),
              props: (route) => ({ id: Number(route.params['id']) }),
            },
          ],
        },
        {
          path: 'overview',
          name: 'overview',
          component: withTexts(['desk', 'overview'], async () => (await import('@/desk/parts')).OverviewPage),
        },
        teamRoutes,
        {
          path: 'profile',
          name: 'profile',
          component: withTexts(['profile', 'secondFactor'], () => import('@/profile/ProfilePage.vue')),
        },
      ],
    },
    { path: '/:path(.*)*', name: 'missing', component: () => import('./NotFound.vue'), meta: { open: true } },
  ],
})

router.beforeEach(async (to) => {
  const session = useSession()
  await session.known
  if (session.status === 'out' && !to.meta['open']) {
    const ended = session.endReason ? { ended: session.endReason } : {}
    return { name: 'login', query: { ...(to.path !== '/' && { next: to.fullPath }), ...ended } }
  }
  if (session.status === 'in' && session.mustSetUp) {
    return to.name === 'setUp' || { name: 'setUp', query: { next: to.fullPath } }
  }
  if (session.status === 'in' && (to.name === 'login' || to.name === 'setUp')) return { name: 'home' }
  return true
})

router.afterEach(() => void useSession().freshen())
